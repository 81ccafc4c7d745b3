/** `lacuna tune` on a tiny model, and what --tuned makes of it. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planName } from '../../kernels/linear/linear.candidates.ts';
import { candidates } from '../../kernels/linear/linear.product.ts';
import { GOLDEN } from '../../test/golden/golden.ts';
import { openTestGpu, testGpus } from '../../test/gpus.ts';
import { relativeError } from '../../test/numeric.ts';
import { captureOutput } from '../../test/train_command.ts';
import { embedCommand } from './embed.ts';
import { tuneCommand } from './tune.ts';

const ON = testGpus().find(({ name }) => name.includes('swiftshader')) ?? testGpus()[0];
const MODEL = `${GOLDEN}qwen2-f32`;
const BATCH = ['--max-length', '72', '--batch-tokens', '72'];

/** What a command line writes, and its error's message. */
async function lacuna(...args: string[]): Promise<{ out: string; err: string }> {
  const program = new Command('lacuna').exitOverride();
  for (const add of [tuneCommand, embedCommand]) add(program);
  const said = { out: '', err: '' };
  const release = captureOutput(said);
  try {
    await program.parseAsync([...args, '--tier', ON.tier], { from: 'user' });
  } catch (error) {
    said.err += (error as Error).message;
  } finally {
    release();
  }
  // Progress, on a machine that is busy.
  said.err = said.err
    .split('\n')
    .filter((line) => !/:\d\d left$/.test(line))
    .join('\n');
  return said;
}

describe(`lacuna tune on ${ON.name}`, () => {
  let root: string;
  const before = process.env.LACUNA_CACHE;
  const at = (name: string) => join(root, name);
  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'lacuna-tune-'));
    process.env.LACUNA_CACHE = at('cache');
    await writeFile(
      at('texts.jsonl'),
      ['one half', 'adds the denominators', 'two'].map((text) => `{"text":"${text}"}\n`).join(''),
    );
  });
  afterAll(async () => {
    if (before === undefined) delete process.env.LACUNA_CACHE;
    else process.env.LACUNA_CACHE = before;
    await rm(root, { recursive: true });
  });

  const embed = async (name: string, ...more: string[]) => {
    const said = await lacuna(
      'embed',
      '--model',
      MODEL,
      '--input',
      at('texts.jsonl'),
      '--out',
      at(name),
      ...BATCH,
      ...more,
    );
    return said.err;
  };
  const vectors = async (name: string) => {
    const bytes = await readFile(at(name));
    return new Float32Array(
      bytes.buffer.slice(bytes.byteOffset + bytes.length - 3 * 64 * 4, bytes.byteOffset + bytes.length),
    );
  };

  test('a model is tuned, and --tuned embeds with what was found', async () => {
    const gpu = await openTestGpu(ON);
    expect(await embed('plain.npy')).toBe('');
    expect(await embed('none.npy', '--tuned')).toContain('run `lacuna tune --model …`');

    const planned = JSON.parse((await lacuna('tune', '--model', MODEL, ...BATCH, '--dry-run', '--json')).out);
    expect(planned.shapes.length).toBe(4);
    expect(await readdir(at('cache')).catch(() => 'nothing')).toBe('nothing');

    const table = await lacuna('tune', '--model', MODEL, ...BATCH);
    expect(table.err).toBe('');
    expect(table.out).toMatch(/^shape +static plan +µs +best plan +µs +gain\nM=72 N=\d+ K=64 f32 f32->f32 +tile /);
    const { file, shapes } = JSON.parse((await lacuna('tune', '--model', MODEL, ...BATCH, '--json')).out);
    expect(file.startsWith(at('cache'))).toBe(true);
    const kept = JSON.parse(await readFile(file, 'utf8'));
    expect(kept).toMatchObject({ tier: ON.tier, description: gpu.description.description });
    // Nothing was measured anew, or the times would be others.
    expect(kept.shapes).toEqual(shapes);
    expect(shapes.map(({ shape }: (typeof shapes)[number]) => shape)).toEqual(
      planned.shapes.map(({ shape }: (typeof shapes)[number]) => shape),
    );

    // Whichever was fastest, let it be another than the static plan.
    for (const s of kept.shapes) s.plan = planName(candidates(gpu.caps, s.shape)[1]);
    await writeFile(file, JSON.stringify(kept));
    expect(await embed('tuned.npy', '--tuned')).toBe('');
    const [plain, tuned] = [await vectors('plain.npy'), await vectors('tuned.npy')];
    expect(plain.every((v) => Math.abs(v) > 0)).toBe(true);
    expect(relativeError(tuned, plain)).toBeLessThan(1e-5);
    gpu.close();

    const other = await embed('other.npy', '--tuned', '--batch-tokens', '80');
    expect(other).toContain('0 of 4 linear shapes of this model are tuned for batches of 80 tokens');

    await writeFile(file, '{');
    expect(await embed('damaged.npy', '--tuned')).toBe(`${file}: is not JSON; \`lacuna tune --force\` writes it anew`);
    expect((await lacuna('tune', '--model', MODEL, ...BATCH)).err).toContain('is not JSON');
    expect((await lacuna('tune', '--model', MODEL, ...BATCH, '--force', '--dry-run')).err).toBe('');
    await rm(file);
  });

  test('what cannot be tuned is said in one line', async () => {
    expect((await lacuna('tune')).err).toContain('give one of: --model');
    expect((await lacuna('tune', '--shape', '9B')).err).toContain('--shape 9B: no such model; there are SmolLM2-135M');
    expect((await lacuna('tune', '--shape', '7B', '--quantize', 'q4')).err).toContain('go with --model');
  });
});
