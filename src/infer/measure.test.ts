import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { Recorder } from '../gpu/recorder.ts';
import { hostTime, measureCopy, measureMatmul } from './measure.ts';

describeGpus('measure', (gpu) => {
  test('a copy has a rate, and its memory is given back', async () => {
    const before = gpu().allocated;
    const { bytes, size, clock } = await measureCopy(gpu());
    // No machine copies slower than 50 MB/s or faster than 100 TB/s: outside of that the clock is broken.
    expect(bytes).toBeGreaterThan(5e7);
    expect(bytes).toBeLessThan(1e14);
    expect(size).toBeLessThanOrEqual(gpu().caps.maxBinding);
    expect(clock).toBe(gpu().caps.timestamps ? 'gpu' : 'host');
    expect(gpu().allocated).toBe(before);
  });

  test('an int4 product has a rate, names its kernel, and its memory is given back', async () => {
    const before = gpu().allocated;
    const { flops, kernel } = await measureMatmul(gpu());
    expect(flops).toBeGreaterThan(1e7);
    expect(flops).toBeLessThan(1e16);
    expect(kernel).toContain('linear q4');
    expect(gpu().allocated).toBe(before);
  });

  test('the host’s clock agrees with the GPU’s on what takes long', async () => {
    const g = gpu();
    const bytes = 16 * 2 ** 20;
    const [x, y] = [g.tensor('x', 'u32', [bytes / 4]), g.tensor('y', 'u32', [bytes / 4])];
    const r = new Recorder(g);
    const code = `
      @group(0) @binding(0) var<storage, read> x: array<u32>;
      @group(0) @binding(1) var<storage, read_write> y: array<u32>;
      @compute @workgroup_size(256) fn main(@builtin(global_invocation_id) id: vec3<u32>) { y[id.x] = x[id.x] + 1u; }`;
    r.dispatch({ label: 'add one', code, bindings: [x, y], grid: [bytes / 4 / 256] });
    const recording = await r.finish();
    const host = await hostTime(recording, { warmMs: 0, samples: 3 });
    const device = await recording.time(3);
    // Other work shares the machine: within an order of magnitude is agreement.
    expect(host / device).toBeGreaterThan(0.1);
    expect(host / device).toBeLessThan(10);
    g.free(x, y);
  });
});
