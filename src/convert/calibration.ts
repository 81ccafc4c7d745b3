/**
 * What a model's linears read, summed up for rounding with regard to it (gptq.ts): of every projection the Gram matrix
 * XᵀX of its inputs over sample texts. Layers are taken a few at a time, as many as memory should hold; each few run all
 * texts once more.
 */
import { Sequences } from '../../kernels/attention/sequences.ts';
import { weightGradient } from '../../kernels/linear/weight_gradient.ts';
import { shuffled, uniform } from '../data/random.ts';
import { UserError } from '../errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { Recorder } from '../gpu/recorder.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { packBatches } from '../infer/batches.ts';
import { batchTokensFor } from '../infer/embedder.ts';
import { activations, forward } from '../model/decoder.ts';
import { type ModelWeights, type Projection, projections } from '../model/weights.ts';
import { type InputOrder, inputOrder } from './gptq.ts';

export interface CalibrationOptions {
  /** Bytes of Gram matrices at a time; one layer's are held in any case. Default 1 GiB. */
  memory?: number;
  /** Tokens run so far, and of all passes over the texts. */
  onProgress?: (done: number, total: number) => void;
}

export interface Calibration {
  /** How the inputs of a layer's linear count, by its canonical path. Asked for layer by layer, no pass is run twice. */
  of(path: string): Promise<InputOrder>;
  free(): void;
}

/** Names in a sample, as a share of its tokens. */
const NAMES = 1 / 4;

/** Token ids to calibrate with: queries and names drawn with a fixed seed, about `tokens` tokens together. */
export function calibrationTexts(
  { queries, passages }: { queries: readonly Uint32Array[]; passages: readonly Uint32Array[] },
  tokens: number,
): Uint32Array[] {
  const draw = (texts: readonly Uint32Array[], most: number) => {
    let sum = 0;
    return shuffled(texts, uniform(1)).filter((ids) => {
      const taken = sum + ids.length <= most;
      if (taken) sum += ids.length;
      return taken;
    });
  };
  const names = draw(passages, tokens * NAMES);
  const used = names.reduce((n, ids) => n + ids.length, 0);
  const texts = [...draw(queries, tokens - used), ...names];
  if (texts.length === 0) throw new UserError(`${tokens} tokens to calibrate with are less than any text has`);
  return texts;
}

/** Calibrates `model` with `texts`, each at least one token long. The model stays the caller's. */
export function calibration(
  gpu: Gpu,
  model: ModelWeights,
  texts: readonly Uint32Array[],
  { memory = 2 ** 30, onProgress }: CalibrationOptions = {},
): Calibration {
  const { layers } = model;
  const bytes = projections(layers[0]).reduce((n, { K }) => n + 4 * K * K, 0);
  const atOnce = Math.max(1, Math.min(layers.length, Math.floor(memory / bytes)));
  const perPass = texts.reduce((n, ids) => n + ids.length, 0);
  const total = perPass * Math.ceil(layers.length / atOnce);
  const places = new Map(
    layers.flatMap((l, layer) =>
      projections(l).flatMap((p) => p.linears.map(({ path }) => [path, { p, layer }] as const)),
    ),
  );
  let done = 0;
  let grams = new Map<Projection, Tensor>();
  let orders = new Map<Projection, Promise<InputOrder>>();
  const free = () => {
    gpu.free(...grams.values());
    grams = new Map();
    orders = new Map();
  };

  const orderOf = async (p: Projection) => inputOrder((await gpu.read(grams.get(p)!)) as Float32Array, p.K);

  return {
    free,
    async of(path) {
      const found = places.get(path);
      if (!found) throw new Error(`${path} is no linear of a layer`);
      const { p, layer } = found;
      if (!grams.has(p)) {
        free();
        onProgress?.(done, total);
        const wanted = layers.slice(layer, layer + atOnce).flatMap(projections);
        grams = await inputGrams(gpu, model, texts, wanted, (count) => {
          done += count;
          onProgress?.(done, total);
        });
      }
      if (!orders.has(p)) orders.set(p, orderOf(p));
      return orders.get(p)!;
    },
  };
}

/** f32 [K, K] of each projection wanted: XᵀX over all tokens of the texts, up to a factor. */
async function inputGrams(
  gpu: Gpu,
  model: ModelWeights,
  texts: readonly Uint32Array[],
  wanted: readonly Projection[],
  onTokens: (count: number) => void,
): Promise<Map<Projection, Tensor>> {
  const { config } = model;
  const lengths = texts.map((ids) => ids.length);
  const longest = Math.max(...lengths);
  const batchTokens = batchTokensFor(gpu, config, longest);
  const most = Math.min(batchTokens, 4096);
  const seqs = new Sequences(gpu, batchTokens, most);
  const s = activations(gpu, config, batchTokens, longest);
  const grams = new Map(wanted.map((p) => [p, gpu.tensor(`gram of ${p.linears[0].path}`, 'f32', [p.K, p.K])]));
  for (const gram of grams.values()) gpu.clear(gram);
  const r = new Recorder(gpu);
  forward(r, model, s, seqs, {
    onInput: (into, p, x, rows) => {
      const data = grams.get(p);
      if (data) weightGradient(into, { dy: x, x, N: p.K, dW: { data }, rows, add: true });
    },
  });
  const recording = await r.finish();
  for (const batch of packBatches(lengths, { tokens: batchTokens, sequences: most })) {
    seqs.set(batch.map((i) => texts[i]));
    recording.replay();
    await gpu.idle();
    onTokens(batch.reduce((n, i) => n + lengths[i], 0));
  }
  recording.free();
  seqs.free();
  gpu.free(...Object.values(s));
  return grams;
}
