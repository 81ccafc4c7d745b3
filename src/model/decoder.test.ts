/** The whole decoder against transformers in float64: hidden states of every layer, logits, embeddings, adapters, in every format. */
import { expect, test } from 'vitest';
import { Sequences } from '../../kernels/attention/sequences.ts';
import { rmsNorm } from '../../kernels/rms_norm/rms_norm.ts';
import {
  GOLDEN,
  type GoldenTensor,
  goldenAdapters,
  goldenModels,
  goldenPath,
  goldenSequences,
  readGolden,
} from '../../test/golden/golden.ts';
import { describeGpus } from '../../test/gpus.ts';
import { relativeError } from '../../test/numeric.ts';
import { openCheckpoint } from '../formats/checkpoint_file.ts';
import { readAdapter } from '../formats/peft.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { Recorder } from '../gpu/recorder.ts';
import type { Tensor } from '../gpu/tensor.ts';
import { fromHalf } from '../half.ts';
import { attachAdapter } from './adapter.ts';
import { activations, forward, project } from './decoder.ts';
import { loadModel } from './load.ts';
import { freeModel } from './weights.ts';

/** Runs a golden model: hidden states by depth, the final norm's output and the logits, all as floats. */
async function run(g: Gpu, name: string, golden: Map<string, GoldenTensor>, adapter?: string) {
  const checkpoint = await openCheckpoint(goldenPath(name));
  const model = await loadModel(g, checkpoint, { head: true });
  const before = g.allocated;
  if (adapter) {
    const opened = await readAdapter(`${GOLDEN}${name}/adapters/${adapter}`);
    await attachAdapter(g, model, opened);
    await opened.close();
  }
  const { config } = model;
  const sequences = goldenSequences(golden);
  const T = sequences.reduce((n, s) => n + s.length, 0);
  const seqs = new Sequences(g, T + 3, sequences.length + 1);
  const s = activations(g, config, T + 3, 64);
  const poison = (t: Tensor) => g.device.queue.writeBuffer(t.buffer, 0, new Uint8Array(t.bytes).fill(0xff));
  for (const t of [s.h, s.a, s.qkv, s.mixed, s.gateUp, s.act]) poison(t);

  const hidden: Tensor[] = [];
  const r = new Recorder(g);
  const one = g.upload('ones', 'f32', [config.hiddenSize], new Float32Array(config.hiddenSize).fill(1));
  const probe = (r: Recorder, depth: number) => {
    const copy = g.tensor(`hidden ${depth}`, 'f32', [T, config.hiddenSize]);
    hidden.push(copy);
    // A copy through a dispatch, since a recording holds nothing else: y = x.
    r.dispatch({
      label: 'copy',
      code: `@group(0) @binding(0) var<storage, read> x: array<f32>; @group(0) @binding(1) var<storage, read_write> y: array<f32>;
        @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3<u32>) { if (id.x < ${T * config.hiddenSize}u) { y[id.x] = x[id.x]; } }`,
      bindings: [s.h, copy],
      grid: [Math.ceil((T * config.hiddenSize) / 64)],
    });
  };
  forward(r, model, s, seqs, { probe });
  const final = g.tensor('final', g.activation, [T + 3, config.hiddenSize]);
  const logits = g.tensor('logits', 'f32', [T + 3, config.vocabSize]);
  rmsNorm(r, { x: s.h, weight: model.norm, y: final, rows: seqs.tokens, eps: config.rmsEps });
  project(r, model.head!, { x: final, y: logits, rows: seqs.tokens });
  const recording = await r.finish();
  seqs.set(sequences);
  recording.replay();
  const states = [];
  for (const t of hidden) states.push((await g.read(t)) as Float32Array);
  const finalValues = await g.read(final, T * config.hiddenSize);
  const result = {
    T,
    hidden: states,
    final: g.caps.f16 ? Float32Array.from(finalValues, fromHalf) : (finalValues as Float32Array),
    logits: (await g.read(logits, T * config.vocabSize)) as Float32Array,
    labels: r.dispatches.map((d) => d.label),
  };
  recording.free();
  seqs.free();
  freeModel(g, model);
  g.free(...Object.values(s), ...hidden, final, logits, one);
  await checkpoint.close();
  expect(g.allocated).toBeLessThan(before);
  return result;
}

// f32: a few hundred roundings of 2^-24 along a path, growing through three layers. f16: every activation that feeds a
// product is rounded to 2^-11, a dozen times a layer, partly cancelling; weights of more than 16 bits once more.
const TOLERANCE = { f32: 2e-5, f16: 6e-3 };
// Q8_0, Q6_K and block-quantised embeddings become f16 once on loading, in every tier: each weight is off by up to
// 2^-11 of its size, 2^-11 / sqrt(3) in the mean square, and so is each product; a layer is seven products deep.
const ROUNDED = (2 ** -11 / Math.sqrt(3)) * Math.sqrt(7) * 1.5;

describeGpus('decoder', (gpu, tier) => {
  const activation = tier === 'portable' ? 'f32' : 'f16';
  const allowed = (name: string) =>
    TOLERANCE[activation] + (/q8|q6|mixed|q4_|gguf-llama|f16|bf16/.test(name) ? ROUNDED : 0);

  test.each(goldenModels())('%s: every layer and the logits', async (name) => {
    const golden = await readGolden(name, 'expected.safetensors');
    const actual = await run(gpu(), name, golden);
    const errors = actual.hidden.map((h, i) => relativeError(h, golden.get(`hidden.${i}`)!.values));
    errors.push(relativeError(actual.final, golden.get('final')!.values));
    errors.push(relativeError(actual.logits, golden.get('logits')!.values));
    for (const e of errors) expect(e).toBeLessThan(allowed(name));
    if (tier === 'matrix') expect(actual.labels.some((l) => l.includes('matrix'))).toBe(true);
  });

  const adapters = goldenModels().flatMap((m) => goldenAdapters(m).map((a) => [m, a]));
  test.each(adapters)('%s with adapter %s', async (name, adapter) => {
    const golden = await readGolden(name, `expected_${adapter}.safetensors`);
    const actual = await run(gpu(), name, golden, adapter);
    expect(relativeError(actual.final, golden.get('final')!.values)).toBeLessThan(allowed(name));
    const logits = golden.get('logits');
    if (logits) expect(relativeError(actual.logits, logits.values)).toBeLessThan(allowed(name));
    // An adapter that was left out would give the base model's output.
    const base = await readGolden(name, 'expected.safetensors');
    expect(relativeError(actual.final, base.get('final')!.values)).toBeGreaterThan(10 * allowed(name));
  });
});
