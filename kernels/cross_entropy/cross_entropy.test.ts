import { expect, test } from 'vitest';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { describeGpus } from '../../test/gpus.ts';
import { expectClose, fromGpu, normal, poisoned, runOnce, toGpu, uniform } from '../../test/numeric.ts';
import { crossEntropyBackward } from './cross_entropy.backward.ts';
import { crossEntropyBounds, crossEntropyRef } from './cross_entropy.ref.ts';
import { crossEntropy, IGNORED, plan, setCrossEntropyBatch } from './cross_entropy.ts';
import golden from './golden.json' with { type: 'json' };

type Elem = 'f16' | 'f32';

interface Case {
  T: number;
  V: number;
  deviation?: number;
  /** Every third row is ignored. */
  ignored?: boolean;
  /** Every third token cannot come. */
  masked?: boolean;
}

// Every form and its tails, rows shorter than a workgroup and longer than what one has under way, and a grid that folds.
const CASES: Case[] = [
  { T: 1, V: 1 },
  { T: 3, V: 7, ignored: true },
  { T: 70, V: 8, masked: true },
  { T: 3, V: 33, deviation: 300, masked: true },
  { T: 70, V: 1000, ignored: true },
  { T: 3, V: 4099, deviation: 100, masked: true },
  { T: 3, V: 4100, ignored: true },
  { T: 1, V: 16_392, deviation: 5, masked: true },
  { T: 65_537, V: 1, ignored: true },
];

/** Targets at the first and the last column, then anywhere; logits as `dtype` holds them. */
function inputs({ T, V, deviation = 1, ignored, masked }: Case, dtype: Elem) {
  const next = uniform(3);
  const targets = Array.from({ length: T }, (_, t) => {
    if (ignored && t % 3 === 1) return IGNORED;
    return t === 0 ? V - 1 : t === T - 1 ? 0 : Math.floor(next() * V);
  });
  const logits = normal(1, T * V, dtype, deviation).map((x, i) =>
    masked && i % 3 === 0 && i % V !== targets[Math.floor(i / V)] ? Number.NEGATIVE_INFINITY : x,
  );
  return { logits, targets };
}

/** Both passes, the gradient made apart and in place, on rows of NaN where ignored, and with a row more than is counted. */
async function check(g: Gpu, logits: Float64Array, targets: number[], V: number, dtype: Elem, gain: number) {
  const T = targets.length;
  const given = Float64Array.from({ length: (T + 1) * V }, (_, i) =>
    targets[Math.floor(i / V)] === IGNORED || i >= T * V ? Number.NaN : logits[i],
  );
  const x = toGpu(g, 'logits', dtype, [T + 1, V], given);
  const wanted = toGpu(g, 'targets', 'u32', [T + 1], [...targets, IGNORED]);
  const [losses, lse] = ['losses', 'lse'].map((label) => poisoned(g, label, 'f32', [T + 1]));
  const apart = poisoned(g, 'dlogits', dtype, [T + 1, V]);
  const batch = g.dim('batch');
  setCrossEntropyBatch(batch, T, gain);
  const call = { logits: x, targets: wanted, losses, lse, batch };
  const ran = await runOnce(g, (r) => {
    crossEntropy(r, call);
    crossEntropyBackward(r, { ...call, dlogits: apart });
    crossEntropyBackward(r, { ...call, dlogits: x });
  });

  const chosen = plan({ V, dtype });
  const form = { 1: 'scalar', 4: 'vec4', 8: 'vec8' }[chosen.width];
  const backward = `cross_entropy backward ${form}`;
  expect(ran.map((d) => d.label)).toEqual([`cross_entropy ${form}`, backward, backward]);

  const expected = crossEntropyRef(logits, targets, V, gain);
  const bounds = crossEntropyBounds(logits, targets, V, gain, chosen, dtype);
  const compare = async (t: typeof x, name: keyof typeof expected) => {
    const got = await fromGpu(g, t);
    const n = expected[name].length;
    expectClose(got.slice(0, n), expected[name], 0, bounds[name]);
    expect(got.slice(n).every(Number.isNaN)).toBe(true);
  };
  await compare(losses, 'losses');
  await compare(lse, 'lse');
  await compare(apart, 'dlogits');
  await compare(x, 'dlogits');
  g.free(x, wanted, losses, lse, apart);
}

describeGpus('cross_entropy', (gpu) => {
  const types = (): Elem[] => (gpu().caps.f16 ? ['f32', 'f16'] : ['f32']);

  test.each(CASES)('%j', async (shape) => {
    for (const dtype of types()) {
      const { logits, targets } = inputs(shape, dtype);
      const counted = targets.filter((t) => t !== IGNORED).length;
      await check(gpu(), logits, targets, shape.V, dtype, 1024 / counted);
    }
  });

  test('nothing but ignored tokens', async () => {
    for (const dtype of types()) {
      const targets = new Array(3).fill(IGNORED);
      await check(gpu(), new Float64Array(3 * 40), targets, 40, dtype, 1);
    }
  });

  test.each([8, 9, 12])('logits as large as f16 holds, all masked but one, and a certain target, V = %d', async (V) => {
    const lowest = Number.NEGATIVE_INFINITY;
    const row = (one: number, others: number, at = 0) => Array.from({ length: V }, (_, v) => (v === at ? one : others));
    const rows = [
      row(65504, -65504),
      row(65504, 65504),
      row(-65504, -65504),
      row(-65504, lowest),
      row(14, 0),
      row(88, -88),
      row(700, 699),
      // Exponentials that are infinite where the largest is overlooked, wherever in a read it lies.
      ...Array.from({ length: V }, (_, at) => row(200, -200, at)),
    ];
    const [logits, targets] = [Float64Array.from(rows.flat()), rows.map(() => 0)];
    for (const dtype of types()) await check(gpu(), logits, targets, V, dtype, 1);
  });
});

test('no read straddles two rows, and f16 is read eight at a time where that is so', () => {
  const width = (V: number, dtype: Elem) => plan({ V, dtype }).width;
  expect([151_936, 50_260, 50_257].map((V) => [width(V, 'f16'), width(V, 'f32')])).toEqual([
    [8, 4],
    [4, 4],
    [1, 1],
  ]);
});

test('the reference makes the losses and gradients that torch makes', () => {
  const logits = golden.logits.map((x) => x ?? Number.NEGATIVE_INFINITY);
  const targets = golden.targets.map((t) => t ?? IGNORED);
  const counted = targets.filter((t) => t !== IGNORED).length;
  const { losses, dlogits } = crossEntropyRef(logits, targets, golden.V, 1 / counted);
  expectClose(losses, golden.losses, 1e-13, 1e-14);
  expectClose(dlogits, golden.dlogits, 1e-12, 1e-16);
});

test('the reference gradient agrees with central differences', () => {
  const [T, V, h, gain] = [4, 5, 1e-5, 3];
  const { logits, targets } = inputs({ T, V, deviation: 2, ignored: true }, 'f32');
  const bump = (i: number, by: number) => logits.map((x, j) => (j === i ? x + by : x));
  const loss = (x: Float64Array) => gain * crossEntropyRef(x, targets, V).losses.reduce((a, b) => a + b);
  const slopes = logits.map((_, i) => (loss(bump(i, h)) - loss(bump(i, -h))) / (2 * h));
  expectClose(crossEntropyRef(logits, targets, V, gain).dlogits, slopes, 1e-6, 1e-8);
});
