/**
 * Attention's backward pass on subgroup matrices by several tiles, all timed in turn, each checked; then the plan's
 * without each of its parts: wrong results, and what the rest takes.
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/attention.backward.mjs [--seconds 100]
 */
import { backwardCase, SHAPES } from '../../kernels/attention/attention.backward.bench.ts';
import type { BackwardMatrixTile } from '../../kernels/attention/attention.backward.matrix.ts';
import {
  type AttentionBackward,
  type AttentionBackwardPlan,
  attentionBackward,
  planBackward,
} from '../../kernels/attention/attention.backward.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder, type Recording } from '../../src/gpu/recorder.ts';
import { compare, remaining } from './experiment.ts';

const left = remaining(100);

const gpu = await Gpu.open();
if (!gpu.caps.matrix) throw new Error('this GPU has no subgroup matrices: there is nothing to compare');
const shapes = SHAPES.filter(([, n]) => n > 32).sort((a, b) => b[1] * b[4] - a[1] * a[4]);

const tile = (rows: number, threads: number, apart: boolean, pad: number): BackwardMatrixTile => {
  return { rows, threads, apart, pad };
};
/** By whether heads have more than 64 channels. */
const TILES = {
  wide: [
    ...[tile(32, 128, false, 1), tile(32, 128, false, 2), tile(32, 128, true, 1)],
    ...[tile(64, 256, false, 1), tile(64, 256, false, 2), tile(64, 256, true, 1), tile(64, 256, true, 2)],
  ],
  narrow: [
    ...[tile(64, 128, false, 1), tile(64, 128, false, 2), tile(64, 128, true, 1)],
    ...[tile(64, 256, false, 1), tile(64, 256, true, 1)],
    ...[tile(32, 128, false, 1)],
  ],
};

/** Takes a part out of a kernel. What is left still depends on the loop, so that the compiler keeps it. */
const WITHOUT: [string, (code: string) => string][] = [
  ['barriers', (code) => code.replaceAll('workgroupBarrier();', '')],
  ['exponentials', (code) => code.replace(/exp2\(/g, '(')],
  [
    'scores through memory',
    (code) => code.replace(/bitcast<vec4<f32>>\(memory\[[^\]]*score[^\]]*\]\)/g, 'vec4<f32>(f32(row))'),
  ],
  ['storing weights', (code) => code.replace(/memory\[(weight\([^\]]*|at|at \+ 2u)\] = halves[^;]*;/g, '')],
  [
    'matrices of weights',
    (code) =>
      code.replace(/(\b[aw]\[[^\]]*\]) = subgroupMatrixLoad<[^;]*;/g, '$1 = subgroup_matrix_left<f16, 16, 16>();'),
  ],
];

async function named(
  label: string,
  one: ReturnType<typeof backwardCase>,
  plan: AttentionBackwardPlan,
  call: AttentionBackward,
) {
  try {
    const r = new Recorder(gpu);
    attentionBackward(r, call, plan);
    const recording = await r.finish();
    gpu.device.queue.writeBuffer(call.dqkv.buffer, 0, new Uint8Array(call.dqkv.bytes).fill(0xff));
    recording.replay();
    const error = (await one.check()).toFixed(3);
    return { label: `${label}, error ${error} of allowed`, recording };
  } catch (error) {
    console.log(`${label}: ${(error as Error).message.slice(0, 150)}`);
    return undefined;
  }
}

console.log(`${gpu.description.description}, tier ${gpu.caps.tier}`);
for (const shape of shapes) {
  if (left() < 8) break;
  const [S, n, heads, kvHeads, headDim] = shape;
  let a: AttentionBackward | undefined;
  const one = backwardCase(gpu, shape, (_, call) => {
    a = call;
  });
  await one.record(new Recorder(gpu));
  const call = a!;
  const runs: { label: string; recording: Recording }[] = [];
  for (const t of headDim > 64 ? TILES.wide : TILES.narrow) {
    const label = `${t.rows} rows, ${t.threads} threads, ${t.apart ? 'apart' : 'shared'}, pad ${t.pad}`;
    const made = await named(label, one, { form: 'matrix', ...t }, call);
    if (made) runs.push(made);
  }
  const plan = planBackward(gpu.caps, call);
  for (const of of ['queries', 'keys']) {
    const r = new Recorder(gpu);
    attentionBackward(r, call, plan);
    for (const d of r.dispatches) if (!d.label.includes(of)) d.grid = () => [1, 1, 1];
    runs.push({ label: `the plan's, ${of} alone`, recording: await r.finish() });
  }
  for (const [part, edit] of WITHOUT) {
    const r = new Recorder(gpu);
    attentionBackward(r, call, plan);
    for (const d of r.dispatches) {
      const code = edit(d.code);
      if (code === d.code) console.log(`${d.label} has no ${part}`);
      d.code = code;
    }
    runs.push({ label: `the plan's, without ${part}`, recording: await r.finish() });
  }
  const took = await compare(
    runs.map(({ recording }) => recording),
    { rounds: 3 },
  );
  runs.forEach(({ label, recording }, i) => {
    const { ns, spread } = took[i];
    console.log(
      `${S}x${n} H=${heads} KV=${kvHeads} D=${headDim}`.padEnd(28),
      label.padEnd(66),
      `${(ns / 1e3).toFixed(1).padStart(8)} µs ±${(100 * spread).toFixed(1)} % ${(one.flops / ns / 1e3).toFixed(0).padStart(4)} TFLOP/s`,
    );
    recording.free();
  });
  one.free();
  console.log(`${left().toFixed(0)} s left`);
}
process.exit(0);
