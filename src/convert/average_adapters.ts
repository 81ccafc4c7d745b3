/**
 * Several LoRA adapters of one base as one. What an adapter does to a weight is its delta, s·B·A; the exact average
 * of deltas needs a rank that is the sum of theirs. The mean of the matrices keeps the rank, as the published
 * solution does, but the product of two means is not the mean of products.
 */
import { UserError } from '../errors.ts';
import { readMatrix } from '../formats/lora_matrix.ts';
import type { Adapter, AdapterConfig, AdapterToWrite } from '../formats/peft.ts';

/**
 * concat: A's stacked, B's side by side with each one's weight and scale in them: Σ wᵢ sᵢ Bᵢ Aᵢ exactly, rank Σ rᵢ.
 * mean: Σ wᵢ Aᵢ and Σ wᵢ Bᵢ, the rank unchanged; all adapters must have the same modules, ranks and scales.
 */
export type AverageMethod = 'concat' | 'mean';

type Modules = Map<string, { A: Float32Array<ArrayBuffer>; B: Float32Array<ArrayBuffer>; r: number }>;

/**
 * The average of `adapters` by `weights`, which are relative to their sum; equal where there are none. UserError,
 * naming the module, where the adapters do not fit each other.
 */
export async function averageAdapters(
  adapters: readonly Adapter[],
  method: AverageMethod,
  weights: readonly number[] = adapters.map(() => 1),
): Promise<AdapterToWrite> {
  const total = weights.reduce((a, b) => a + b, 0);
  const shares = weights.map((weight) => weight / total);
  checkShapes(adapters);
  return method === 'concat' ? concat(adapters, shares) : mean(adapters, shares);
}

async function concat(adapters: readonly Adapter[], shares: readonly number[]): Promise<AdapterToWrite> {
  const paths = [...new Set(adapters.flatMap((adapter) => [...adapter.modules.keys()]))];
  const ranks = paths.map((path) => adapters.reduce((sum, { modules }) => sum + (modules.get(path)?.r ?? 0), 0));
  // One rank for all, with zeros where a module has less: a pattern for each module would say the same at length.
  const r = Math.max(...ranks);
  const modules: Modules = new Map();
  for (const path of paths) {
    const { A: firstA, B: firstB } = adapters.find(({ modules }) => modules.has(path))!.modules.get(path)!;
    const [K, N] = [firstA.shape[1], firstB.shape[0]];
    const A = new Float32Array(r * K);
    const B = new Float32Array(N * r);
    let at = 0;
    for (const [i, adapter] of adapters.entries()) {
      const lora = adapter.modules.get(path);
      if (!lora) continue;
      const factor = shares[i] * lora.scale;
      A.set(await readMatrix(lora.A), at * K);
      const b = await readMatrix(lora.B);
      for (let n = 0; n < N; n++) for (let j = 0; j < lora.r; j++) B[n * r + at + j] = factor * b[n * lora.r + j];
      at += lora.r;
    }
    modules.set(path, { A, B, r });
  }
  // Scale alpha / r = 1: every scale is in B.
  return { config: configOf(adapters, { r, lora_alpha: r, use_rslora: false }), modules, causalLm: causalLm(adapters) };
}

async function mean(adapters: readonly Adapter[], shares: readonly number[]): Promise<AdapterToWrite> {
  const [first, ...others] = adapters;
  for (const other of others) {
    const lone = [...first.modules.keys(), ...other.modules.keys()].find(
      (path) => !first.modules.has(path) || !other.modules.has(path),
    );
    if (lone !== undefined)
      throw new UserError(
        `${lone} is adapted by only one of ${first.name} and ${other.name}: their matrices have no mean; use --method concat`,
      );
  }
  const modules: Modules = new Map();
  for (const [path, { r, scale }] of first.modules) {
    const all = adapters.map((adapter) => adapter.modules.get(path)!);
    const odd = all.findIndex((lora) => lora.r !== r || lora.scale !== scale);
    if (odd >= 0)
      throw new UserError(
        `${path} has rank ${r} and scale ${scale} in ${first.name}, ${all[odd].r} and ${all[odd].scale} in ${adapters[odd].name}: their matrices have no mean; use --method concat`,
      );
    const [A, B] = await Promise.all(
      (['A', 'B'] as const).map(async (side) => {
        const sum = new Float64Array(all[0][side].shape[0] * all[0][side].shape[1]);
        for (const [i, lora] of all.entries())
          (await readMatrix(lora[side])).forEach((value, at) => {
            sum[at] += shares[i] * value;
          });
        return Float32Array.from(sum);
      }),
    );
    modules.set(path, { A, B, r });
  }
  return { config: configOf(adapters, {}), modules, causalLm: causalLm(adapters) };
}

function checkShapes(adapters: readonly Adapter[]): void {
  const seen = new Map<string, { name: string; K: number; N: number }>();
  for (const { name, modules } of adapters)
    for (const [path, { A, B }] of modules) {
      const [K, N] = [A.shape[1], B.shape[0]];
      const before = seen.get(path);
      if (before && (before.K !== K || before.N !== N))
        throw new UserError(
          `${path} is for ${before.K} inputs and ${before.N} outputs in ${before.name}, ${K} and ${N} in ${name}: they were trained on different models`,
        );
      seen.set(path, { name, K, N });
    }
}

/** The first adapter's settings; modules by their full names where the adapters do not all have the same. */
function configOf(adapters: readonly Adapter[], changed: Partial<AdapterConfig>): AdapterConfig {
  const [first, ...others] = adapters;
  const alike = others.every(
    ({ modules }) =>
      modules.size === first.modules.size && [...modules.keys()].every((path) => first.modules.has(path)),
  );
  const scaled = 'r' in changed ? { rank_pattern: {}, alpha_pattern: {} } : {};
  if (alike) return { ...first.config, ...scaled, ...changed };
  const paths = [...new Set(adapters.flatMap(({ modules }) => [...modules.keys()]))].sort();
  return {
    ...first.config,
    ...scaled,
    ...changed,
    target_modules: paths,
    layers_to_transform: null,
    layers_pattern: null,
    exclude_modules: null,
  };
}

/** Whether keys begin as those of a causal LM: as the first adapter's do. */
function causalLm([{ modules }]: readonly Adapter[]): boolean {
  const [{ A }] = modules.values();
  return A.name.startsWith('base_model.model.model.') || A.name.startsWith('base_model.model.lm_head.');
}
