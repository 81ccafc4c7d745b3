/**
 * Forms of attention's forward pass on subgroup matrices, checked and timed beside the one that the plan takes, and that
 * one with a part left out (wrong results, and the time that the part costs):
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/attention.mjs [--seconds 50]
 */
import { attentionCase, SHAPES } from '../../kernels/attention/attention.bench.ts';
import {
  attentionMatrix,
  type MatrixForm,
  matrixBytes,
  matrixFits,
  measuredForm,
} from '../../kernels/attention/attention.matrix.ts';
import type { Attention } from '../../kernels/attention/attention.ts';
import { time } from '../../src/bench.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';

const argument = (name: string) => process.argv.find((_, i) => process.argv[i - 1] === name);
const seconds = Number(argument('--seconds') ?? 50);
const started = performance.now();
const left = () => seconds - (performance.now() - started) / 1000;

const gpu = await Gpu.open();
const { software } = gpu.description;
if (!gpu.caps.matrix) throw new Error('this GPU has no subgroup matrices: there is nothing to compare');
/** Not the shortest; wide heads, which are the slower beside SDPA, first. */
const shapes = SHAPES.filter(([, n]) => n > 32).sort((a, b) => b[4] - a[4]);

const forms: MatrixForm[] = [];
for (const [rows, heads] of [
  [64, 1],
  [32, 1],
  [64, 2],
  [32, 2],
])
  for (const shared of [true, false])
    for (const pad of [1, 2])
      for (const [ahead, late] of [
        [1, false],
        [1, true],
        [2, true],
      ] as const)
        forms.push({ rows, heads, shared, ahead, late, pad });
const nameOf = (f: MatrixForm, D: number) =>
  `${f.rows} queries x ${f.heads}, K and V ${f.shared ? 'in one place' : 'apart'}, ${f.ahead} ahead${f.late ? ' late' : ''}, pad ${f.pad}, ${matrixBytes(D, f)} B`;

/** Takes a part out of the kernel. What is left still depends on the loop, so that the compiler keeps the rest. */
const WITHOUT: [string, (code: string) => string][] = [
  ['reading K and V', (code) => code.replace(/= key_row\([kv]_from, base[^;]*;/g, '= vec4<u32>(base * 0u + t);')],
  ['exponentials', (code) => code.replace(/exp2\((x\[[^\]]*\] - top)\)/g, '($1)')],
  ['the mask', (code) => code.replace(/select\(vec4\(LOWEST\), score, [^;]*;/g, 'score;')],
  [
    'scores through memory',
    (code) =>
      code.replace(/bitcast<vec4<f32>>\(memory\[S_AT \+ row \* S_LINE \+ quad\]\)/g, 'vec4<f32>(f32(base + quad))'),
  ],
  [
    'rescaling',
    (code) => code.replace('let rescale = workgroupUniformLoad(&grown);', 'workgroupBarrier();\nlet rescale = 1u;'),
  ],
  ['barriers', (code) => code.replaceAll('workgroupUniformLoad(&grown)', '1u').replaceAll('workgroupBarrier();', '')],
];

function withoutPart(edit: (code: string) => string) {
  return (r: Recorder, a: Attention) => {
    attentionMatrix(r, a);
    const dispatch = r.dispatches[r.dispatches.length - 1];
    const code = edit(dispatch.code);
    if (code === dispatch.code) throw new Error('the kernel has no such part any more: see WITHOUT');
    dispatch.code = code;
  };
}

console.log(`${gpu.description.description}, tier ${gpu.caps.tier}`);
for (const shape of shapes) {
  const [S, n, heads, kvHeads, headDim] = shape;
  const jobs = [
    { name: `now: ${nameOf(measuredForm(headDim), headDim)}`, form: undefined, checked: true },
    ...forms
      .filter((form) => matrixFits(gpu.caps, { heads, kvHeads, headDim }, form))
      .map((form) => ({
        name: nameOf(form, headDim),
        form: { rows: form.rows, record: (r: Recorder, a: Attention) => attentionMatrix(r, a, form) },
        checked: true,
      })),
    ...WITHOUT.map(([part, edit]) => ({
      name: `now without ${part}`,
      form: { rows: measuredForm(headDim).rows, record: withoutPart(edit) },
      checked: false,
    })),
  ];
  for (const { name, form, checked } of jobs) {
    if (left() < 1) break;
    const one = attentionCase(gpu, shape, form);
    const r = new Recorder(gpu);
    await one.record(r);
    const line = `${one.shape.padEnd(28)} ${name.padEnd(66)}`;
    try {
      const recording = await r.finish();
      recording.replay();
      const error = checked ? (await one.check()).toFixed(3) : '-';
      const { ns, spread } = await time(recording, { warmMs: software ? 0 : 60 });
      console.log(
        `${line} ${(ns / 1e3).toFixed(1).padStart(8)} µs ±${(100 * spread).toFixed(1)} % ${(one.flops / ns / 1e3).toFixed(0).padStart(4)} TFLOP/s  error ${error}`,
      );
      recording.free();
    } catch (error) {
      console.log(`${line} ${(error as Error).message.slice(0, 200)}`);
    }
    one.free();
  }
  console.log(`${S} x ${n} done, ${left().toFixed(0)} s left`);
}
process.exit(0);
