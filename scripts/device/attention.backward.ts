/**
 * Attention's backward pass on subgroup matrices: the two kernels of other texts for all lengths, and long texts' form, with
 * its own tiles and with others, each checked, then all timed in turn, whole and a kernel at a time.
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/attention.backward.mjs [--seconds 50] [--only 4x2048]
 * Here, small, on lavapipe with matrices played by plain WGSL: node .device/base/bundle/attention.backward.mjs
 */
import { backwardCase, type Shape } from '../../kernels/attention/attention.backward.bench.ts';
import { type LongForm, longForm, splitsOf } from '../../kernels/attention/attention.backward.long.ts';
import { type AttentionBackward, attentionBackward } from '../../kernels/attention/attention.backward.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder, type Recording } from '../../src/gpu/recorder.ts';
import { fromHalf } from '../../src/half.ts';
import { emulate } from '../../test/matrix_gpus.ts';
import { argument, compare, remaining } from './experiment.ts';

const left = remaining(50);
const only = argument('--only') ?? '';

const gpu = await Gpu.open();
const { software } = gpu.description;
if (!gpu.caps.matrix && software) {
  process.env.GALLIVM_PERF = 'nopt';
  emulate(gpu);
}
if (!gpu.caps.matrix) throw new Error('this GPU has no subgroup matrices: there is nothing to compare');

const SHAPES: Shape[] = software
  ? [
      [2, 150, 4, 2, 64],
      [1, 70, 3, 1, 128],
      [2, 33, 3, 1, 64],
    ]
  : [
      [4, 2048, 28, 4, 128],
      [8, 512, 28, 4, 128],
      [8, 512, 14, 2, 64],
      [16, 144, 28, 4, 128],
    ];

interface Form {
  name: string;
  long: LongForm | null;
  /** The one dispatch that is timed: part of its label. */
  alone?: string;
}

function formsOf([S, n, heads, kvHeads, headDim]: Shape): Form[] {
  const others: Form[] = [
    { name: 'two kernels', long: null },
    ...['queries', 'keys'].map((of) => ({ name: `${of} alone`, long: null, alone: of })),
  ];
  const own = { ...longForm(headDim)!, ...(software && { over: 64 }) };
  if (n <= own.over) return others;
  const splits = splitsOf({ heads, kvHeads, headDim }, S * n, own.keys.rows);
  const wide = { rows: 128, keys: 32, shares: 1 };
  const tiles: [string, LongForm][] = [
    ['64 x 16 keys', own],
    ['32 x 32 keys', { ...own, keys: { ...own.keys, rows: 32, keys: 32 } }],
    ['64 x 32 keys', { ...own, keys: { ...own.keys, keys: 32 } }],
  ];
  return [
    ...others,
    ...tiles.map(([name, long]) => ({ name: `long, ${name}`, long })),
    { name: 'long, product 128 rows', long: { ...own, product: wide } },
    ...tiles.map(([name, long]) => ({ name: `long, ${name} alone`, long, alone: 'keys matrix long' })),
    { name: 'long, product 64 rows alone', long: own, alone: 'queries matrix long' },
    { name: 'long, product 128 rows alone', long: { ...own, product: wide }, alone: 'queries matrix long' },
    ...['along', ...(splits > 1 ? ['sums'] : [])].map((of) => ({ name: `long, ${of} alone`, long: own, alone: of })),
  ];
}

/** Recorded and compiled. */
function make(call: AttentionBackward, { long, alone }: Form): Promise<Recording> {
  const r = new Recorder(gpu);
  attentionBackward(r, call, long);
  if (alone) r.dispatches.splice(0, r.dispatches.length, ...r.dispatches.filter(({ label }) => label.includes(alone)));
  return r.finish();
}

const HALF = Float32Array.from({ length: 2 ** 16 }, (_, bits) => fromHalf(bits));

console.log(`${gpu.description.description}, tier ${gpu.caps.tier}`);
for (const shape of SHAPES) {
  const [S, n, heads, kvHeads, headDim] = shape;
  if (left() < 6 || !`${S}x${n} ${headDim}`.includes(only)) continue;
  let a: AttentionBackward | undefined;
  const one = backwardCase(gpu, shape, (_, call) => {
    a = call;
  });
  await one.record(new Recorder(gpu));
  const call = a!;
  const forms = formsOf(shape);
  const recordings = await Promise.all(
    forms.map((form) =>
      make(call, form).catch((error: Error) => {
        console.log(`${form.name}: ${error.message.slice(0, 150)}`);
      }),
    ),
  );
  const runs = forms.flatMap(({ name, alone }, i) =>
    recordings[i] ? [{ name, alone, recording: recordings[i] as Recording }] : [],
  );
  // Each on poison, against the reference at the end of the last text, and everywhere against the first.
  let first: Uint16Array | undefined;
  const labels: string[] = [];
  for (const { name, alone, recording } of runs) {
    labels.push(name);
    if (alone) continue;
    gpu.device.queue.writeBuffer(call.dqkv.buffer, 0, new Uint8Array(call.dqkv.bytes).fill(0xff));
    recording.replay();
    const error = (await one.check()).toFixed(3);
    const got = (await gpu.read(call.dqkv)) as Uint16Array;
    first ??= got;
    let [worst, most] = [0, 0];
    // Every seventh: the host takes longer than the GPU.
    for (let i = 0; i < got.length; i += 7) {
      worst = Math.max(worst, Math.abs(HALF[got[i]] - HALF[first[i]]));
      most = Math.max(most, Math.abs(HALF[first[i]]));
    }
    labels[labels.length - 1] += `, error ${error} of allowed, ${(worst / most).toExponential(0)} from the first`;
  }
  console.log(`${left().toFixed(0)} s left, compiled and checked`);
  const took = await compare(
    runs.map(({ recording }) => recording),
    software ? { rounds: 1, samples: 1 } : { rounds: 3 },
  );
  runs.forEach(({ recording }, i) => {
    const { ns, spread } = took[i];
    console.log(
      `${S}x${n} H=${heads} KV=${kvHeads} D=${headDim}`.padEnd(26),
      labels[i].padEnd(88),
      `${(ns / 1e3).toFixed(1).padStart(8)} µs ±${(100 * spread).toFixed(1)} %`,
      runs[i].alone ? '' : `${(one.flops / ns / 1e3).toFixed(0).padStart(4)} TFLOP/s`,
    );
    recording.free();
  });
  one.free();
  console.log(`${left().toFixed(0)} s left`);
}
process.exit(0);
