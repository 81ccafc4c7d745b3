/**
 * What `lacuna tune` measured, kept in a file for each GPU, driver, tier and version of lacuna: which plan each shape gets,
 * beside the static one, with both times. Nothing reads it unless `--tuned` asks for it. Node and Deno.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { tuningKey } from '../../kernels/linear/linear.candidates.ts';
import type { LinearShape } from '../../kernels/linear/linear.types.ts';
import manifest from '../../package.json' with { type: 'json' };
import { UserError } from '../errors.ts';
import { writeFiles } from '../formats/atomic_file.ts';
import { fileError } from '../formats/file_source.ts';
import { modelCacheDir } from '../formats/hub.ts';
import { check } from '../formats/schema.ts';
import type { Gpu } from '../gpu/gpu.ts';

const count = z.number().int().positive();
const Shape = z.object({
  ...{ M: count, N: count, K: count, kind: z.enum(['q4', 'dense']), w: z.enum(['f16', 'f32', 'u32']) },
  ...{ group: count.optional(), meta: z.enum(['offset16', 'zero16', 'offset32']).optional() },
  ...{ x: z.enum(['f16', 'f32']), y: z.enum(['f16', 'f32']), ldy: count, column: z.number().int().nonnegative() },
  update: z.object({ rank: count, widths: z.array(count).optional() }).optional(),
}) satisfies z.ZodType<LinearShape>;

const File = z.object({
  lacuna: z.string(),
  vendor: z.string(),
  device: z.string(),
  description: z.string(),
  runtime: z.string(),
  tier: z.string(),
  shapes: z.array(
    z.object({
      shape: Shape,
      /** By name: a name that no plan of the shape has is as good as none. */
      plan: z.string(),
      ns: z.number(),
      static: z.string(),
      staticNs: z.number(),
    }),
  ),
});
export type TuningFile = z.infer<typeof File>;

/** An empty file for this GPU. */
export function newTuning(gpu: Gpu): TuningFile {
  const { vendor, device, description, runtime } = gpu.description;
  return { lacuna: manifest.version, vendor, device, description, runtime, tier: gpu.caps.tier, shapes: [] };
}

/** Where a GPU's tuning is kept: `tuning/` beside the models of `modelCacheDir`, under a hash of what it is of. */
export function tuningPath(gpu: Gpu): string {
  const { shapes: _, ...of } = newTuning(gpu);
  const hash = createHash('sha256').update(JSON.stringify(of)).digest('hex');
  return join(modelCacheDir(), '..', 'tuning', `${hash.slice(0, 16)}.json`);
}

/** The file at `path`, or undefined where there is none. UserError where it is damaged. */
export async function readTuning(path: string): Promise<TuningFile | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(path, error);
  }
  const mend = '`lacuna tune --force` writes it anew';
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw new UserError(`${path}: is not JSON; ${mend}`);
  }
  try {
    return check(File, data, path);
  } catch (error) {
    throw error instanceof UserError ? new UserError(`${error.message}; ${mend}`) : error;
  }
}

/** Replaces the file as a whole. */
export const writeTuning = (path: string, file: TuningFile): Promise<void> =>
  writeFiles([{ path, chunks: [`${JSON.stringify(file, null, 1)}\n`] }]);

/** A tuning as a GPU asks it, which counts the shapes that it knew. */
export class Tuning {
  /** Shapes asked for, and those of them that were found. */
  readonly asked = new Set<string>();
  readonly found = new Set<string>();
  readonly #plans: ReadonlyMap<string, string>;

  constructor(file: TuningFile) {
    this.#plans = new Map(file.shapes.map(({ shape, plan }) => [tuningKey(shape), plan]));
  }

  get(key: string): string | undefined {
    const plan = this.#plans.get(key);
    this.asked.add(key);
    if (plan !== undefined) this.found.add(key);
    return plan;
  }
}

/** From now on this GPU's kernels take the plans that were measured on it. UserError where nothing was. */
export async function useTuning(gpu: Gpu): Promise<Tuning> {
  const path = tuningPath(gpu);
  const file = await readTuning(path);
  if (!file)
    throw new UserError(
      `${path}: is not there: run \`lacuna tune --model …\` on this GPU and tier (${gpu.caps.tier}), or leave --tuned out`,
    );
  const tuning = new Tuning(file);
  gpu.tuning = tuning;
  return tuning;
}
