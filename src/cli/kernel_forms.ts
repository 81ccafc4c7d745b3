/** Which form of every kernel family this GPU runs, read off the dispatches that a model's layer records here. */
import { attentionBackward } from '../../kernels/attention/attention.backward.ts';
import { Sequences } from '../../kernels/attention/sequences.ts';
import { l2Normalize } from '../../kernels/l2_normalize/l2_normalize.ts';
import { linearBackward } from '../../kernels/linear/linear.backward.ts';
import { linear } from '../../kernels/linear/linear.ts';
import { weightGradient } from '../../kernels/linear/weight_gradient.ts';
import type { Lora } from '../../kernels/linear/weights.ts';
import { loraBackward } from '../../kernels/lora/lora.backward.ts';
import { poolLast } from '../../kernels/pool/pool.ts';
import { similarity } from '../../kernels/similarity/similarity.ts';
import { topK } from '../../kernels/top_k/top_k.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { Recorder } from '../gpu/recorder.ts';
import { activations, forward } from '../model/decoder.ts';
import { SHAPES, syntheticModel } from '../model/synthetic.ts';
import { freeModel } from '../model/weights.ts';
import { type KernelForm, kernelForm } from './diagnosis.ts';

/** A shape whose sizes are neither small nor round, one layer of it, with int4 weights in groups of 32. */
const CONFIG = { ...SHAPES['Qwen2.5-0.5B'], layers: 1 };
const TOKENS = [1024, 1];

/**
 * The labels of all dispatches of one layer with an adapter, of pooling, of a dense linear, of a ranking, and of the
 * gradients that have forms of their own; nothing is compiled or run.
 */
export function kernelForms(gpu: Gpu): KernelForm[] {
  const model = syntheticModel(gpu, CONFIG, 32);
  const [{ qkv }] = model.layers;
  const { hiddenSize: C, heads, headDim } = CONFIG;
  const lora: Lora = {
    r: 32,
    scale: 1,
    A: gpu.tensor('A', 'f32', [32, C]),
    B: gpu.tensor('B', 'f32', [heads * headDim, 32]),
  };
  qkv.loras.push({ column: 0, lora, site: 0 });
  const forms = TOKENS.flatMap((tokens) => {
    const seqs = new Sequences(gpu, tokens, tokens);
    const s = activations(gpu, CONFIG, tokens, tokens);
    const r = new Recorder(gpu);
    forward(r, model, s, seqs);
    const { data, count } = model.embed.chunks[0];
    const made = {
      logits: gpu.tensor('logits', 'f32', [tokens, count]),
      pooled: gpu.tensor('pooled', 'f32', [tokens, C]),
      queries: gpu.tensor('queries', 'f32', [tokens, C]),
      passages: gpu.tensor('passages', 'f32', [2048, C]),
      scores: gpu.tensor('scores', 'f32', [tokens, 2048]),
      values: gpu.tensor('values', 'f32', [tokens, 25]),
      indices: gpu.tensor('indices', 'u32', [tokens, 25]),
    };
    const { logits, pooled, queries, passages, scores, values, indices } = made;
    const weight = { kind: 'dense', N: count, K: C, data: data as typeof data & { dtype: 'f16' | 'f32' } } as const;
    linear(r, { x: s.a, weight, y: logits, rows: seqs.tokens });
    poolLast(r, { h: s.h, starts: seqs.starts, y: pooled, count: seqs.count });
    l2Normalize(r, { x: pooled, y: queries, rows: seqs.count });
    similarity(r, { queries, passages, y: scores, rows: seqs.count });
    topK(r, { scores, values, indices, rows: seqs.count, k: 25 });
    if (tokens > 1) {
      const dy = gpu.tensor('dy', gpu.activation, [tokens, heads * headDim]);
      const dqkv = gpu.tensor('dqkv', gpu.activation, s.qkv.shape);
      const dW = gpu.tensor('dW', 'f32', [heads * headDim, C]);
      const { weight: W } = qkv.parts[0];
      attentionBackward(r, { qkv: s.qkv, y: s.a, lse: pooled, dy, dqkv, sequences: seqs, ...CONFIG });
      linearBackward(r, { dy: dqkv, weight: W, dx: s.a, rows: seqs.tokens });
      loraBackward(r, { x: s.a, lora, dy, rows: seqs.tokens, dx: s.a, dA: { data: dW }, dB: { data: dW } });
      weightGradient(r, { dy, x: s.a, N: heads * headDim, dW: { data: dW }, rows: seqs.tokens });
      gpu.free(dy, dqkv, dW);
    }
    seqs.free();
    gpu.free(...Object.values(s), ...Object.values(made));
    return r.dispatches.map(({ label }) => kernelForm(label, tokens));
  });
  freeModel(gpu, model);
  const distinct = new Map(forms.map((f) => [`${f.family} ${f.form} ${f.tokens}`, f]));
  return [...distinct.values()].sort((a, b) =>
    a.family < b.family ? -1 : a.family > b.family ? 1 : b.tokens - a.tokens,
  );
}
