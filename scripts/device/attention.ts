/**
 * Forms of attention's forward pass on subgroup matrices, checked and timed beside the one that the plan takes, and that
 * one with a part left out where asked (wrong results, and the time that the part costs):
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/attention.mjs [--seconds 50] [--without]
 */
import { attentionCase, SHAPES } from '../../kernels/attention/attention.bench.ts';
import {
  attentionMatrix,
  type MatrixForm,
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
/** Long and wide first: what is slowest beside SDPA. */
const shapes = SHAPES.filter(([, n, heads]) => n > 32 && heads % 7 === 0).sort((a, b) => b[1] * b[4] - a[1] * a[4]);

/** [what it is called, how it is recorded, whether its results are right]. */
type Form = [name: string, record: (r: Recorder, a: Attention) => void, checked: boolean];

const matrixForm = (f: MatrixForm): Form => [
  `K and V ${f.shared ? 'in one place' : 'apart'}, ${f.ahead} ahead, pad ${f.pad}`,
  (r, a) => attentionMatrix(r, a, f),
  true,
];
/** Takes a part out of a kernel: what the rest takes. What is left still depends on the loop, so that the compiler keeps it. */
const WITHOUT: [string, (code: string) => string][] = [
  ['reading K and V', (code) => code.replace(/= key_row\([kv]_from, base[^;]*;/g, '= vec4<u32>(base * 0u + t);')],
  ['exponentials', (code) => code.replace(/exp2\((x\[[^\]]*\] - top)\)/g, '($1)')],
  ['the mask', (code) => code.replace(/select\(vec4\(LOWEST\), score, [^;]*;/g, 'score;')],
  [
    'scores through memory',
    (code) =>
      code.replace(
        /bitcast<vec4<f32>>\(memory\[S_AT \+ row \* S_LINE \+ (quad|half \* QUADS \+ i)\]\)/g,
        'vec4<f32>(f32(row + $1))',
      ),
  ],
  [
    'rescaling',
    (code) =>
      code.replace('let rescale = workgroupUniformLoad(&grown);', 'workgroupBarrier();\nlet rescale = 0xffffu;'),
  ],
  [
    'barriers',
    (code) => code.replaceAll('workgroupUniformLoad(&grown)', '0xffffu').replaceAll('workgroupBarrier();', ''),
  ],
];
function without(part: string, edit: (code: string) => string, [name, record]: Form): Form {
  const cut = (r: Recorder, a: Attention) => {
    record(r, a);
    const dispatch = r.dispatches[r.dispatches.length - 1];
    const code = edit(dispatch.code);
    if (code === dispatch.code) throw new Error('the kernel has no such part');
    dispatch.code = code;
  };
  return [`${name}, without ${part}`, cut, false];
}

console.log(`${gpu.description.description}, tier ${gpu.caps.tier}`);
for (const shape of shapes) {
  if (left() < 5) break;
  const [S, n, heads, kvHeads, headDim] = shape;
  const dims = { heads, kvHeads, headDim };
  const now = measuredForm(headDim);
  const staged: MatrixForm[] = [now, { ...now, pad: 2 }, { ...now, ahead: 2 }, { ...now, ahead: 2, pad: 2 }];
  const forms: Form[] = [
    ...staged.filter((f) => matrixFits(gpu.caps, dims, f)).map(matrixForm),
    ...(process.argv.includes('--without') ? WITHOUT.map(([part, edit]) => without(part, edit, matrixForm(now))) : []),
  ];
  // Forms share its tensors.
  let a: Attention | undefined;
  const one = attentionCase(gpu, shape, (_, call) => {
    a = call;
  });
  await one.record(new Recorder(gpu));
  const call = a!;
  // All are compiled and checked before any is timed: nothing lets the GPU idle, and its clock drop, in between.
  const jobs = await Promise.all(
    forms.map(async ([name, record, checked]) => {
      const r = new Recorder(gpu);
      try {
        record(r, call);
        return { name, checked, recording: await r.finish(), error: '-' };
      } catch (error) {
        const message = (error as Error).message;
        if (message !== 'the kernel has no such part') console.log(`${name}: ${message.slice(0, 200)}`);
        return undefined;
      }
    }),
  );
  for (const job of jobs) {
    if (!job?.checked) continue;
    gpu.write(call.y, new Uint32Array((call.y.shape[0] * call.y.shape[1]) / 2).fill(0xffffffff));
    job.recording.replay();
    job.error = (await one.check()).toFixed(3);
  }
  const warm = performance.now() + (software ? 0 : 500);
  while (performance.now() < warm) await jobs[0]!.recording.time(8);
  for (const job of [...jobs, jobs[0]]) {
    if (!job || left() < 1) continue;
    const { ns, spread } = await time(job.recording, { warmMs: software ? 0 : 20 });
    const rate = (one.flops / ns / 1e3).toFixed(0);
    console.log(
      `${S}x${n} H=${heads} KV=${kvHeads} D=${headDim}`.padEnd(28),
      job.name.padEnd(66),
      `${(ns / 1e3).toFixed(1).padStart(8)} µs ±${(100 * spread).toFixed(1)} % ${rate.padStart(4)} TFLOP/s  error ${job.error}`,
    );
  }
  one.free();
  for (const job of jobs) job?.recording.free();
  console.log(`${left().toFixed(0)} s left`);
}
process.exit(0);
