/**
 * One training step, recorded once: forward, loss, backward, update. Nothing comes back from the GPU but the loss and
 * four numbers about the gradients.
 */
import { type AdamwOptions, setAdamw } from '../../kernels/adamw/adamw.ts';
import { Sequences } from '../../kernels/attention/sequences.ts';
import { contrastiveCe, setContrastiveBatch } from '../../kernels/contrastive_ce/contrastive_ce.ts';
import { copy } from '../../kernels/copy/copy.ts';
import { keyOf } from '../../kernels/dropout/philox.ts';
import { TokenRows } from '../../kernels/embed_backward/token_rows.ts';
import { setGradNorm } from '../../kernels/grad_norm/grad_norm.ts';
import { INT8_LABEL } from '../../kernels/linear/int8/int8.ts';
import { measureInt8 } from '../../kernels/linear/int8/operands.ts';
import { UserError } from '../errors.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { type KernelTime, Recorder, type Recording } from '../gpu/recorder.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { backward, backwardActivations, backwardTensors } from '../model/backward.ts';
import { activations, forward } from '../model/decoder.ts';
import { embedding, embeddingActivations, embeddingBackward } from '../model/embedding.ts';
import { linears } from '../model/weights.ts';
import { type Chunk, chunksOf } from './chunks.ts';
import type { Trainable } from './trainable.ts';

export interface StepOptions extends AdamwOptions {
  /** The most queries and passages of a batch, and the most tokens that are on the way at a time. */
  queries: number;
  passages: number;
  chunkTokens: number;
  /** Keep what every layer's products make, instead of running layers again: faster, and more memory. */
  keep: boolean;
  /** Products of int4 weights in 8 bits, forward and dX: kernels/linear/int8. The GPU must have them (requireInt8). */
  int8?: boolean;
  /** The most tokens of one text. */
  maxLength: number;
  /** What cosines are multiplied by. */
  scale: number;
  /** Of the adapters' inputs. */
  dropout: number;
  seed: number;
  /** The norm that gradients are clipped to; 0: they are not. */
  clip: number;
}

/** What of a step is known before the one before it has ended. */
export interface StepTexts {
  /** Token ids of the queries, and of the passages that they share. */
  queries: readonly Uint32Array[];
  passages: readonly Uint32Array[];
  /** For each query the index of its own passage. */
  targets: readonly number[];
  /** Steps tried before this one, which the dropout masks follow. */
  step: number;
}

export interface StepInput extends StepTexts {
  lr: number;
  weightDecay: number;
  /** Updates made before this one. */
  updates: number;
  /** What gradients are multiplied by on their way through f16. */
  lossScale: number;
}

export interface StepOutcome {
  /** Mean cross-entropy. */
  loss: number;
  /** Of all gradients, without the loss scale and before clipping. */
  norm: number;
  /** Whether the gradients were finite, and the update was made. */
  updated: boolean;
  tokens: number;
}

export interface Step {
  /**
   * Tries one update and waits for its outcome. While the GPU works, `ahead` makes the texts of the step that follows, whose
   * forward pass is queued behind this one's update, so that the GPU has work while the host reads the outcome. A step
   * of other texts (by identity) begins anew, with the same result.
   */
  run(input: StepInput, ahead?: () => StepTexts | undefined): Promise<StepOutcome>;
  /** The kernels of a step in one chunk, in order. */
  readonly labels: readonly string[];
  /** GPU time of every dispatch of a step of one chunk: the last one that ran, run again. For benchmarks. */
  profile(): Promise<KernelTime[]>;
  free(): void;
}

/** Chunks a step may have: dropout masks are numbered by step and chunk. */
const MOST_CHUNKS = 4096;
/** f32 elements at whose multiples a view may begin. */
const ALIGN = 64;

/** Texts in chunks, of which each has been through the forward pass. */
interface Begun {
  texts: StepTexts;
  all: readonly Uint32Array[];
  chunks: Chunk[];
}

const same = (a: StepTexts, b: StepTexts): boolean =>
  a.queries === b.queries && a.passages === b.passages && a.step === b.step;

/** Token ids of several texts, as they lie in a packed batch. */
function endToEnd(texts: readonly Uint32Array[]): Uint32Array {
  const out = new Uint32Array(texts.reduce((n, ids) => n + ids.length, 0));
  let at = 0;
  for (const ids of texts) {
    out.set(ids, at);
    at += ids.length;
  }
  return out;
}

/** Records and compiles a step. The trainable stays the caller's. `onCompile` counts the pipelines done. */
export async function createStep(
  gpu: Gpu,
  trainable: Trainable,
  o: StepOptions,
  onCompile?: (done: number, total: number) => void,
): Promise<Step> {
  const { model, parameters, gradients } = trainable;
  const { config } = model;
  const C = config.hiddenSize;
  const most = Math.min(o.chunkTokens, o.queries + o.passages);
  const seqs = new Sequences(gpu, o.chunkTokens, most, model.embed.rows, o.maxLength);
  const s = activations(gpu, config, o.chunkTokens, o.maxLength);
  const b = backwardActivations(gpu, model, o.chunkTokens, o.keep);
  const e = embeddingActivations(gpu, seqs, C);
  const tokens = trainable.embedding ? new TokenRows(gpu, o.chunkTokens) : undefined;

  // Embeddings of the whole batch: the queries, then from an aligned row on the passages. Their gradients likewise.
  const firstPassage = Math.ceil(o.queries / ALIGN) * ALIGN;
  const whole = (label: string) => gpu.tensor(label, 'f32', [firstPassage + o.passages, C]);
  const [vectors, dvectors] = [whole('embeddings of the batch'), whole('their gradients')];
  const part = (t: Tensor) => ({
    queries: gpu.view(t, `${t.label}, queries`, 0, [o.queries, C]),
    passages: gpu.view(t, `${t.label}, passages`, firstPassage * C, [o.passages, C]),
  });
  const dout = gpu.tensor('gradient of a chunk', 'f32', e.out.shape);
  const targets = gpu.tensor('targets', 'u32', [o.queries]);
  const outcome = gpu.tensor('outcome', 'f32', [ALIGN + 4]);
  const loss = gpu.view(outcome, 'loss', 0, [1]);
  const stats = gpu.view(outcome, 'statistics of the gradients', ALIGN, [4]);

  /** Rows that move from chunk to batch, and back: those of queries, those of passages. */
  const moves = {
    out: [gpu.dim('queries out'), gpu.dim('passages out')],
    back: [gpu.dim('queries back'), gpu.dim('passages back')],
  };
  const [batch, norm, rates, state] = ['batch', 'gradient norm', 'rates', 'dropout'].map((label) => gpu.dim(label));
  const dropout = o.dropout > 0 ? { p: o.dropout, state } : undefined;
  const { int8 } = o;
  if (int8) await measureInt8(gpu, linears(model), true);

  const record = (what: (r: Recorder) => void) => {
    const r = new Recorder(gpu);
    what(r);
    return r;
  };
  const recorders = [
    record((r) => {
      const H = b.kept && ((site: number) => b.H.get(site));
      forward(r, model, s, seqs, { dropout, H, kept: b.kept, inputs: b.inputs, int8 });
      embedding(r, model, s.h, e, seqs);
      for (const rows of moves.out) copy(r, { x: e.out, y: vectors, rows });
    }),
    record((r) => {
      const [x, d] = [part(vectors), part(dvectors)];
      const outputs = { loss, dqueries: d.queries, dpassages: d.passages };
      contrastiveCe(r, { ...x, ...outputs, targets, scale: o.scale, batch });
    }),
    record((r) => {
      for (const rows of moves.back) copy(r, { x: dvectors, y: dout, rows });
      embeddingBackward(r, model, e, seqs, { dout, dh: b.dh, gradients });
      backward(r, model, s, b, seqs, gradients, { dropout, tokens, int8 });
    }),
    record((r) => parameters.recordUpdate(r, { stats, norm, step: rates, options: o })),
  ];
  if (int8 && !recorders[0].dispatches.some(({ label }) => label === INT8_LABEL))
    throw new UserError(
      `--activations int8 has nothing to work on: it takes int4 weights, not in act-order, and chunks of 128 tokens or more, not ${o.chunkTokens}`,
    );
  const compiled: Recording[] = [];
  const counts = recorders.map(() => ({ done: 0, total: 0 }));
  for (const [i, r] of recorders.entries())
    compiled.push(
      await r.finish((done, total) => {
        counts[i] = { done, total };
        onCompile?.(
          counts.reduce((n, c) => n + c.done, 0),
          counts.reduce((n, c) => n + c.total, 0),
        );
      }),
    );
  const [recordedForward, recordedLoss, recordedBackward, recordedUpdate] = compiled;

  /** Makes a chunk the one that forward and backward work on. */
  const load = (all: readonly Uint32Array[], Q: number, { first, end }: Chunk, place: number) => {
    const chunk = all.slice(first, end);
    seqs.set(chunk);
    tokens?.set(endToEnd(chunk));
    const queries = Math.max(0, Math.min(end, Q) - first);
    const to = firstPassage + Math.max(first, Q) - Q;
    moves.out[0].set(queries, 0, Math.min(first, Q));
    moves.out[1].set(chunk.length - queries, queries, to);
    moves.back[0].set(queries, Math.min(first, Q), 0);
    moves.back[1].set(chunk.length - queries, to, queries);
    const [low, high] = keyOf(o.seed);
    state.set(low, high, place);
  };

  /** The step whose forward pass was queued ahead: the last of its chunks has its activations there. */
  let queued: Begun | undefined;

  const embed = ({ texts, all, chunks }: Begun, i: number) => {
    load(all, texts.queries.length, chunks[i], texts.step * MOST_CHUNKS + i);
    recordedForward.replay();
  };

  function begin(texts: StepTexts): Begun {
    const all = [...texts.queries, ...texts.passages];
    const chunks = chunksOf(
      all.map((ids) => ids.length),
      o.chunkTokens,
    );
    if (chunks.length > MOST_CHUNKS) throw new Error(`${chunks.length} chunks a step, at most ${MOST_CHUNKS}`);
    const begun = { texts, all, chunks };
    for (const i of chunks.keys()) embed(begun, i);
    return begun;
  }

  async function run(input: StepInput, ahead?: () => StepTexts | undefined): Promise<StepOutcome> {
    const { queries, passages, lossScale } = input;
    const now = queued && same(queued.texts, input) ? queued : begin(input);
    queued = undefined;
    gpu.write(targets, Uint32Array.from(input.targets));
    setContrastiveBatch(batch, queries.length, passages.length, lossScale);
    setGradNorm(norm, { lossScale, clip: o.clip });
    setAdamw(rates, { lr: input.lr, weightDecay: input.weightDecay, t: input.updates + 1 }, o);
    parameters.clearGradients();
    recordedLoss.replay();
    const last = now.chunks.length - 1;
    for (let i = last; i >= 0; i--) {
      if (i < last) embed(now, i);
      recordedBackward.replay();
    }
    recordedUpdate.replay();
    trainable.refresh.replay();
    const reading = gpu.read(outcome);
    // Nobody waits for it where `ahead` throws.
    reading.catch(() => {});
    const next = ahead?.();
    if (next) queued = begin(next);
    const numbers = (await reading) as Float32Array;
    return {
      loss: numbers[0],
      norm: numbers[ALIGN],
      updated: numbers[ALIGN + 1] === 1,
      tokens: now.all.reduce((n, { length }) => n + length, 0),
    };
  }

  async function profile(): Promise<KernelTime[]> {
    const times: KernelTime[] = [];
    // A GPU that has waited runs at a fraction of its clock.
    for (const began = performance.now(); performance.now() - began < 500; await gpu.idle()) recordedForward.replay();
    for (const recording of [...compiled, trainable.refresh]) times.push(...(await recording.profile()));
    return times;
  }

  function free(): void {
    for (const recording of compiled) recording.free();
    seqs.free();
    tokens?.free();
    gpu.free(...Object.values(s), ...backwardTensors(b), ...Object.values(e));
    gpu.free(vectors, dvectors, dout, targets, outcome);
  }

  return { run, profile, free, labels: recorders.flatMap((r) => r.dispatches.map((d) => d.label)) };
}
