/**
 * The kernels' benchmarks and the forward pass of whole model shapes, for a machine without npm:
 *   node bench.mjs [--forward | --kernels] [--kernel NAME]
 * Every call is checked against its float64 reference on poisoned outputs before its time is printed.
 */
import { type Bench, time } from '../../src/bench.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { Recorder } from '../../src/gpu/recorder.ts';
import { forwardBench } from '../../src/infer/forward_bench.ts';
import { measureCopy } from '../../src/infer/measure.ts';

const modules = import.meta.glob<{ bench: Bench }>('../../kernels/*/*.bench.ts', { eager: true });
const args = process.argv.slice(2);
const only = args.includes('--kernel') ? args[args.indexOf('--kernel') + 1] : '';

const gpu = await Gpu.open();
console.log(`${gpu.description.description || gpu.description.device}, tier ${gpu.caps.tier}`);

const copy = await measureCopy(gpu);
console.log(`copy ceiling ${JSON.stringify(copy)}`);

if (!args.includes('--forward')) {
  console.log(
    'kernel                     shape                                        µs     ±%      GB/s   TFLOP/s  error/allowed',
  );
  for (const { bench } of Object.values(modules))
    for (const c of bench(gpu)) {
      if (!c.kernel.includes(only)) continue;
      try {
        const r = new Recorder(gpu);
        await c.record(r);
        const recording = await r.finish();
        recording.replay();
        const error = await c.check();
        const { ns, spread } = await time(recording);
        console.log(
          `${c.kernel.padEnd(26)} ${c.shape.padEnd(40)} ${(ns / 1e3).toFixed(1).padStart(9)} ${(100 * spread).toFixed(1).padStart(5)} ${(c.bytes / ns).toFixed(0).padStart(9)} ${(c.flops / ns / 1e3).toFixed(1).padStart(9)}  ${error.toFixed(3)}`,
        );
        recording.free();
      } catch (error) {
        console.log(`${c.kernel} ${c.shape}: ${(error as Error).message.split('\n')[0]}`);
      }
      c.free();
    }
}
if (!only && !args.includes('--kernels')) await forwardBench(gpu, console.log);
process.exit(0);
