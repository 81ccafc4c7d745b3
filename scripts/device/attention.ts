/**
 * Attention's forward pass on subgroup matrices, checked and timed, and without each of its parts: wrong results, and what
 * the rest takes.
 *   . .device/base/unpack.sh && node /tmp/lacuna/bundle/attention.mjs [--seconds 50]
 */
import { attentionCase, SHAPES } from '../../kernels/attention/attention.bench.ts';
import { attentionMatrix } from '../../kernels/attention/attention.matrix.ts';
import type { Attention } from '../../kernels/attention/attention.ts';
import { time } from '../../src/bench.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { remaining, warm } from './experiment.ts';

const left = remaining(50);

const gpu = await Gpu.open();
const { software } = gpu.description;
if (!gpu.caps.matrix) throw new Error('this GPU has no subgroup matrices: there is nothing to compare');
/** Long and wide first: what is slowest beside SDPA. */
const shapes = SHAPES.filter(([, n, heads]) => n > 32 && heads % 7 === 0).sort((a, b) => b[1] * b[4] - a[1] * a[4]);

/** Takes a part out of a kernel: what the rest takes. What is left still depends on the loop, so that the compiler keeps it. */
const WITHOUT: [string, (code: string) => string][] = [
  ['reading K and V', (code) => code.replace(/= key_row\([kv]_from, base[^;]*;/g, '= vec4<u32>(base * 0u + t);')],
  ['exponentials', (code) => code.replace(/exp2\((x\[[^\]]*\] - top)\)/g, '($1)')],
  ['the mask', (code) => code.replace(/select\(vec4\(LOWEST\), score, [^;]*;/g, 'score;')],
  [
    'scores through memory',
    (code) =>
      code.replace(/bitcast<vec4<f32>>\(memory\[S_AT \+ row \* S_LINE \+ quad\]\)/g, 'vec4<f32>(f32(row + quad))'),
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
const whole = (code: string) => code;

console.log(`${gpu.description.description}, tier ${gpu.caps.tier}`);
for (const shape of shapes) {
  if (left() < 5) break;
  const [S, n, heads, kvHeads, headDim] = shape;
  let a: Attention | undefined;
  const one = attentionCase(gpu, shape, (_, call) => {
    a = call;
  });
  await one.record(new Recorder(gpu));
  const call = a!;
  // All are compiled before any is timed: nothing lets the GPU idle, and its clock drop, in between.
  const jobs = await Promise.all(
    [['whole', whole] as const, ...WITHOUT].map(async ([part, edit]) => {
      const r = new Recorder(gpu);
      attentionMatrix(r, call);
      for (const dispatch of r.dispatches) {
        const code = edit(dispatch.code);
        if (part !== 'whole' && code === dispatch.code)
          throw new Error(`the kernel has no ${part} any more: see WITHOUT`);
        dispatch.code = code;
      }
      return { part, recording: await r.finish() };
    }),
  );
  jobs[0].recording.replay();
  const error = (await one.check()).toFixed(3);
  await warm(jobs[0].recording);
  for (const { part, recording } of jobs) {
    if (left() < 1) break;
    const { ns, spread } = await time(recording, { warmMs: software ? 0 : 20 });
    console.log(
      `${S}x${n} H=${heads} KV=${kvHeads} D=${headDim}`.padEnd(28),
      (part === 'whole' ? `whole, error ${error} of allowed` : `without ${part}`).padEnd(32),
      `${(ns / 1e3).toFixed(1).padStart(8)} µs ±${(100 * spread).toFixed(1)} % ${(one.flops / ns / 1e3).toFixed(0).padStart(4)} TFLOP/s`,
    );
    recording.free();
  }
  one.free();
  console.log(`${left().toFixed(0)} s left`);
}
process.exit(0);
