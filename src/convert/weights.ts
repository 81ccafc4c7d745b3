/**
 * A model's weights by the names that transformers gives them, each opened only when its turn comes: the form in
 * which models are changed (merge_adapter.ts, slerp.ts, soup.ts) and written (hf_folder.ts).
 */
import { UserError } from '../errors.ts';
import type { ModelConfig } from '../formats/config.ts';
import { denseShapes, linearShapes, needsBias } from '../formats/decoder_paths.ts';
import type { Checkpoint, StoredDense, StoredLinear } from '../formats/stored.ts';
import { openRows, type WeightRows } from '../formats/weight_rows.ts';

/** A weight that can be read; what it holds in memory is let go with the rows. */
export interface LazyWeight {
  readonly shape: readonly number[];
  open(): Promise<WeightRows>;
}

/** All weights of a model by canonical path: 'embed_tokens', 'layers.3.self_attn.q_proj', and '.bias' behind that. */
export type ModelWeights = ReadonlyMap<string, LazyWeight>;

/**
 * The weights of a checkpoint, those that transformers' model of the family has and no others. UserError where there
 * is a bias that it has no place for and that is not zero.
 */
export async function weightsOf(checkpoint: Checkpoint): Promise<ModelWeights> {
  const { config } = checkpoint;
  const weights = new Map<string, LazyWeight>();
  const add = (path: string, shape: readonly number[], stored: StoredLinear | StoredDense) =>
    weights.set(path, { shape, open: () => openRows(stored) });
  for (const [path, shape] of denseShapes(config)) add(path, shape, checkpoint.dense(path));
  for (const [path, { N, K }] of linearShapes(config)) {
    const linear = checkpoint.linear(path);
    add(path, [N, K], linear);
    const { bias } = linear;
    if (hasBias(config, path)) {
      // A Llama with biases has one on o as well, and what a file leaves out is zero.
      const zero = { path: `${path}.bias`, rows: N, columns: 1, read: zeroRows };
      weights.set(`${path}.bias`, { shape: [N], open: async () => (bias ? openRows(bias) : zero) });
    } else if (bias && !(await isZero(bias))) {
      throw new UserError(
        `${checkpoint.name}: ${path} has a bias, which transformers' ${config.family} has no place for: it cannot be converted`,
      );
    }
  }
  return weights;
}

/** 'layers.0.mlp.up_proj' is 'model.layers.0.mlp.up_proj.weight' in a causal LM of transformers. */
export function hfName(path: string): string {
  const name = path === 'lm_head' ? path : `model.${path}`;
  return name.endsWith('.bias') ? name : `${name}.weight`;
}

function hasBias(config: ModelConfig, path: string): boolean {
  const llamaOutput = config.family === 'llama' && config.qkvBias && path.endsWith('.o_proj');
  return needsBias(config, path) || llamaOutput;
}

async function isZero(bias: StoredDense): Promise<boolean> {
  const rows = await openRows(bias);
  return (await rows.read(0, rows.rows)).every((value) => value === 0);
}

async function zeroRows(begin: number, end: number): Promise<Float32Array<ArrayBuffer>> {
  return new Float32Array(end - begin);
}
