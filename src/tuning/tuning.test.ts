/** What a tuning measures, refuses and keeps. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { planName, tuningKey, tuningShape } from '../../kernels/linear/linear.candidates.ts';
import { candidates, plan, product } from '../../kernels/linear/linear.product.ts';
import type { LinearShape } from '../../kernels/linear/linear.types.ts';
import { openTestGpu, testGpus } from '../../test/gpus.ts';
import { compileAll, H200 } from '../../test/matrix_gpus.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { Recorder } from '../gpu/recorder.ts';
import { SHAPES, syntheticModel } from '../model/synthetic.ts';
import { disagreement } from './disagreement.ts';
import { Operands } from './operands.ts';
import { linearShapes, withoutMemory } from './shapes.ts';
import { measurePlans } from './trial.ts';
import { newTuning, readTuning, Tuning, writeTuning } from './tuning_file.ts';

// Groups of 8 are what no form but tiles takes: few texts to compile.
const shapeOn = (act: 'f16' | 'f32', more: Partial<LinearShape> = {}): LinearShape => ({
  ...{ M: 20, N: 36, K: 72, kind: 'q4', w: 'u32', group: 8, meta: 'zero16', x: act, y: act, ldy: 36, column: 0 },
  ...more,
});

describe('two outputs of one shape', () => {
  const s = shapeOn('f16', { K: 4096, y: 'f32' });
  const expected = Float32Array.from({ length: 4096 }, (_, i) => Math.sin(i) * 1.4);
  const changed = (f: (v: number, i: number) => number) => disagreement(s, expected, expected.map(f));

  test('agree within rounding', () => {
    expect(changed((v) => v)).toBe(undefined);
    expect(changed((v, i) => v + (i % 2 ? 1 : -1) * 2 ** -10)).toBe(undefined);
  });

  test('disagree where one output is wrong, is not written, or every sum lacks one k of 4096', () => {
    expect(changed((v, i) => (i === 70 ? v + 0.5 : v))).toContain('differs from the static plan by');
    expect(changed((v, i) => (i === 70 ? v + 0.1 : v))).toContain('output 70 is');
    expect(changed((v, i) => (i === 70 ? Number.NaN : v))).toContain('differs');
    expect(changed((v, i) => v + (i % 2 ? 1 : -1) / 64)).toContain('differs');
  });
});

describe('a file', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'lacuna-tuning-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const gpu = {
    description: { vendor: 'v', device: 'd', description: 'driver 1', runtime: 'dawn', software: false },
    caps: { tier: 'subgroup' },
  } as Gpu;
  const entry = { shape: tuningShape(shapeOn('f16')), plan: 'lanes', ns: 1, static: 'lanes', staticNs: 1 };

  test('is read as it was written, and counts what it is asked for', async () => {
    const path = join(folder, 'sub', 'a.json');
    expect(await readTuning(path)).toBe(undefined);
    const file = { ...newTuning(gpu), shapes: [JSON.parse(JSON.stringify(entry))] };
    await writeTuning(path, file);
    expect(await readTuning(path)).toEqual(file);
    const tuning = new Tuning((await readTuning(path))!);
    expect(tuning.get(tuningKey(shapeOn('f16', { ldy: 400, column: 8 })))).toBe('lanes');
    expect(tuning.get(tuningKey(shapeOn('f32')))).toBe(undefined);
    expect([tuning.asked.size, tuning.found.size]).toEqual([2, 1]);
  });

  test('that is damaged is refused by name', async () => {
    const path = join(folder, 'b.json');
    const refused = async (text: string) => {
      await writeFile(path, text);
      return readTuning(path).then(
        () => 'read',
        (error: Error) => error.message,
      );
    };
    const file = newTuning(gpu);
    expect(await refused(JSON.stringify(file))).toBe('read');
    expect(await refused('{"lacuna"')).toBe(`${path}: is not JSON; \`lacuna tune --force\` writes it anew`);
    expect(await refused(JSON.stringify({ ...file, shapes: 3 }))).toContain(`${path}: shapes`);
    const wrong = { ...entry, shape: { ...entry.shape, M: -1 } };
    expect(await refused(JSON.stringify({ ...file, shapes: [wrong] }))).toContain(`${path}: shapes.0.shape.M`);
  });
});

// SwiftShader compiles soonest.
const ON = testGpus().find(({ name }) => name.includes('swiftshader')) ?? testGpus()[0];
describe(`measuring on ${ON.name}`, () => {
  let gpu: Gpu;
  beforeAll(async () => {
    gpu = await openTestGpu(ON);
  });
  afterAll(() => gpu?.close());

  test('the shapes of a model are those of its projections, and take no memory', () => {
    const before = gpu.allocated;
    const config = { ...SHAPES['Qwen2.5-7B'], layers: 2 };
    const shapes = linearShapes(gpu, syntheticModel(withoutMemory(gpu), config, 128), 96);
    const [act, q4] = [gpu.activation, { kind: 'q4', group: 128, meta: 'zero16' }];
    expect(shapes.map(({ ldy, column, w, ...s }) => s)).toEqual(
      [
        [4608, 3584, 'f32'],
        [3584, 3584, 'f32'],
        [37888, 3584, act],
        [3584, 18944, 'f32'],
      ].map(([N, K, y]) => ({ M: 96, N, K, x: act, y, ...q4 })),
    );
    expect(gpu.allocated).toBe(before);
    expect(gpu.tuning).toBe(undefined);
  });

  test.each<[string, Partial<LinearShape>]>([
    ['int4, y not aligned', { meta: 'offset32', N: 34, ldy: 35, column: 1 }],
    ['dense', { kind: 'dense', w: 'f32', group: undefined, meta: undefined, K: 35 }],
  ])('every plan agrees with the static one: %s', async (_, more) => {
    const s = shapeOn(gpu.activation, more);
    const before = gpu.allocated;
    const refused: string[] = [];
    let plans = 0;
    const m = (await measurePlans(gpu, s, {
      onPlan: () => plans++,
      onRefused: (name, why) => refused.push(`${name}: ${why}`),
    }))!;
    expect(refused).toEqual([]);
    expect(plans).toBe(candidates(gpu.caps, s).length);
    expect(m.static).toBe(planName(plan(gpu.caps, s)));
    expect(candidates(gpu.caps, s).map(planName)).toContain(m.plan);
    expect(m.ns > 0 && m.ns <= m.staticNs).toBe(true);
    expect(gpu.allocated).toBe(before);
  });

  test('a plan that computes something else, or does not compile, is refused by name and never kept', async () => {
    const s = shapeOn(gpu.activation);
    const [, wrong, broken] = candidates(gpu.caps, s).map(planName);
    const compile = gpu.pipeline;
    // Plans are compiled in the order of the candidates.
    const texts: string[] = [];
    gpu.pipeline = (label, code) => {
      if (!texts.includes(code)) texts.push(code);
      if (code === texts[2]) return Promise.reject(new Error('the driver does not compile it'));
      return compile.call(gpu, label, code === texts[1] ? code.replace('put4(m,', 'put4(m + 1u,') : code);
    };
    const refused = new Map<string, string>();
    try {
      const m = await measurePlans(gpu, s, { onRefused: (name, why) => refused.set(name, why) });
      expect([wrong, broken]).not.toContain(m!.plan);
    } finally {
      gpu.pipeline = compile;
    }
    expect([...refused.keys()]).toEqual([wrong, broken]);
    expect(refused.get(wrong)).toContain('differs from the static plan');
    expect(refused.get(broken)).toBe('the driver does not compile it');
  });

  test('it can be stopped', async () => {
    expect(await measurePlans(gpu, shapeOn(gpu.activation), { stopped: () => true })).toBe(undefined);
  });
});

test.skipIf('Deno' in globalThis)('every plan for the largest GPU is a text that compiles', async () => {
  const gpu = await openTestGpu(ON);
  const description = { ...gpu.description, software: false };
  const large: Gpu = Object.assign(withoutMemory(gpu), { caps: H200, description });
  const texts = new Map<string, string>();
  const forms = new Set<string>();
  for (const M of [1, 64, 2304])
    for (const more of [{ meta: 'offset16' }, { update: { rank: 32 } }] as const) {
      const s = shapeOn('f16', {
        M,
        N: 4608,
        ldy: 4608,
        K: 3584,
        group: 128,
        y: 'update' in more ? 'f32' : 'f16',
        ...more,
      });
      if (s.update && M < 2304) continue;
      for (const p of candidates(H200, s)) {
        const r = new Recorder(large);
        product(r, new Operands(large, s, 1).calls[0], 'linear', p);
        for (const { label, code } of r.dispatches) texts.set(code, label);
        forms.add(p.form);
      }
    }
  expect([...forms].sort()).toEqual(['held', 'matrix', 'skinny', 'skinny matrix', 'tall', 'tile', 'vector']);
  await compileAll(texts.keys());
  gpu.close();
});
