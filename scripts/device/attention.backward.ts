/**
 * Attention's backward pass on subgroup matrices: today's two kernels, and long texts' forms, each checked, then all timed in turn,
 * whole and a kernel at a time.
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/attention.backward.mjs [--seconds 50] [--only 4x2048]
 * Here, small, on lavapipe with matrices played by plain WGSL: node .device/base/bundle/attention.backward.mjs
 */
import { backwardCase, type Shape } from '../../kernels/attention/attention.backward.bench.ts';
import { type LongForm, splitsOf } from '../../kernels/attention/attention.backward.long.ts';
import { backwardTiles } from '../../kernels/attention/attention.backward.matrix.ts';
import { type AttentionBackward, attentionBackward } from '../../kernels/attention/attention.backward.ts';
import { Sequences } from '../../kernels/attention/sequences.ts';
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
const over = software ? 64 : 384;

interface Form {
  name: string;
  long: LongForm | null;
  /** Tiles text after text, as before, and not by their place. */
  textOrder?: boolean;
  /** The one dispatch that is timed: part of its label. */
  alone?: string;
}

function formsOf([S, n, heads, kvHeads, headDim]: Shape): Form[] {
  const matrices = headDim <= 64 ? 2 : 1;
  const today: Form[] = [
    { name: "today's, tiles text after text", long: null, textOrder: true },
    { name: "today's, tiles by place", long: null },
  ];
  const halves = ['queries', 'keys'].map((of) => ({ name: `today's ${of} alone`, long: null, alone: of }));
  if (n <= over) return [...today, ...halves];
  const product = { rows: 64, keys: 32, shares: 2 };
  const plain = { form: 'matrix', rows: 32 * matrices, keys: 32, matrices } as const;
  const split = { form: 'matrix long', rows: 64, keys: 16, matrices: 2 } as const;
  const plan = (keys: LongForm['keys']) => splitsOf({ heads, kvHeads, headDim }, S * n, keys.rows);
  const long = (keys: LongForm['keys'], by?: LongForm['product'], splits = plan(keys)): LongForm => {
    return { over, keys, product: by, splits };
  };
  const others = [1, 2, 4, 7].filter((splits) => splits !== plan(split) && splits <= heads / kvHeads);
  const keys: [string, LongForm['keys']][] = [
    ['64 x 16', split],
    ['64 x 32', { ...split, keys: 32 }],
    ...(headDim === 64 ? [['32 x 32', { ...split, rows: 32, keys: 32 }] as [string, LongForm['keys']]] : []),
  ];
  return [
    ...today,
    ...halves,
    { name: "(1) today's keys keep ds, dq by product", long: long(plain, product) },
    ...keys.map(([name, k]) => ({ name: `(2) keys by roles ${name}, today's queries`, long: long(k) })),
    ...keys.map(([name, k]) => ({ name: `both, keys by roles ${name}, ${plan(k)} splits`, long: long(k, product) })),
    ...others.map((splits) => ({ name: `both, 64 x 16, ${splits} splits`, long: long(split, product, splits) })),
    { name: 'both, 64 x 16, product 128 rows, 1 share', long: long(split, { rows: 128, keys: 32, shares: 1 }) },
    { name: 'both, 64 x 16, product 128 rows, 2 shares', long: long(split, { rows: 128, keys: 32, shares: 2 }) },
    { name: "today's keys that keep ds, alone", long: long(plain, product), alone: 'keys matrix long' },
    ...keys.flatMap(([name, k]) => [
      { name: `keys by roles ${name} alone`, long: long(k), alone: 'keys matrix long' },
      { name: `keys by roles ${name} that keep ds, alone`, long: long(k, product), alone: 'keys matrix long' },
    ]),
    { name: 'product 64 rows, 2 shares alone', long: long(split, product), alone: 'queries matrix long' },
    {
      name: 'product 128 rows, 1 share alone',
      long: long(split, { rows: 128, keys: 32, shares: 1 }),
      alone: 'queries matrix long',
    },
    { name: 'sums of splits alone', long: long(split, product, Math.max(2, plan(split))), alone: 'sums' },
    { name: 'dy . y alone', long: long(split, product), alone: 'along' },
  ];
}

/** Recorded and compiled. */
async function make(call: AttentionBackward, [S, n]: Shape, { long, textOrder, alone }: Form) {
  let { sequences } = call;
  if (textOrder) {
    sequences = new Sequences(gpu, S * n, S, undefined, n);
    sequences.set(Array.from({ length: S }, () => new Uint32Array(n)));
  }
  const r = new Recorder(gpu);
  attentionBackward(r, { ...call, sequences }, long);
  for (const tile of textOrder ? backwardTiles(call.headDim) : []) {
    const list: number[] = [];
    for (let s = 0; s < S; s++)
      for (let at = 0; at < n; at += tile.rows) list.push(s * n + at, s * n + Math.min(at + tile.rows, n), s * n, s);
    if (n > (tile.over ?? 0) && n <= (tile.upTo ?? n)) gpu.write(sequences.tiles(tile).list, Uint32Array.from(list));
  }
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
      make(call, shape, form).catch((error: Error) => {
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
