/**
 * Record once, replay. A Recorder collects dispatches; `finish` compiles their pipelines (each distinct WGSL
 * text once per device, asynchronously) and makes their bind groups; the Recording it returns is re-encoded in a
 * tight loop as often as wanted. What changes between replays (how many tokens) lives in a `Dim`, a small
 * uniform that the grid is computed from, so a new batch makes no new pipeline and no new bind group.
 */
import type { Gpu } from './gpu.ts';
import type { DType, Tensor } from './tensor.ts';

/**
 * A count that changes between replays, with up to three more numbers beside it: a uniform vec4<u32>.
 * Kernels read `.x` as their number of rows; what y, z, w mean is said where a kernel uses them.
 */
export class Dim {
  readonly buffer: GPUBuffer;
  readonly label: string;
  readonly value: Uint32Array<ArrayBuffer> = new Uint32Array(4);
  #gpu: Gpu;

  constructor(gpu: Gpu, label: string) {
    this.#gpu = gpu;
    this.label = label;
    this.buffer = gpu.device.createBuffer({ label, size: 16, usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST });
  }

  get count(): number {
    return this.value[0];
  }

  /** Takes effect for replays submitted after this call. */
  set(x: number, y = 0, z = 0, w = 0): this {
    this.value.set([x, y, z, w]);
    this.#gpu.device.queue.writeBuffer(this.buffer, 0, this.value);
    return this;
  }
}

export type Grid = readonly [number, number?, number?];

export interface Dispatch {
  /** Shown in errors, profiles and captures: the kernel's folder name, with its form. */
  label: string;
  /** Whole WGSL text; entry point `main`. Its bindings are @group(0), @binding(0..n-1), all of them used. */
  code: string;
  bindings: readonly (Tensor | Dim)[];
  /** Workgroups; a function where it follows a Dim. A zero anywhere skips the dispatch. */
  grid: Grid | (() => Grid);
}

interface Step {
  label: string;
  pipeline: GPUComputePipeline;
  group: GPUBindGroup;
  grid: () => Grid;
}

/** Dispatches in one submit: enough to hide its cost, few enough that a display's watchdog stays calm. */
const SUBMIT = 64;
const MAX_GRID = 65535;

export class Recorder {
  readonly gpu: Gpu;
  readonly dispatches: Dispatch[] = [];
  readonly #scratch = new Map<string, Tensor>();

  constructor(gpu: Gpu) {
    this.gpu = gpu;
  }

  /**
   * Memory that lives within one operator: the same label and shape give the same tensor all through the
   * recording, which is safe because dispatches run in order. Freed with the recording.
   */
  scratch(label: string, dtype: DType, shape: readonly number[]): Tensor {
    const key = `${label} ${dtype} ${shape.join(' ')}`;
    const known = this.#scratch.get(key);
    if (known) return known;
    const made = this.gpu.tensor(label, dtype, shape);
    this.#scratch.set(key, made);
    return made;
  }

  dispatch(d: Dispatch): void {
    this.dispatches.push(d);
  }

  /** Compiles what is not compiled yet, a few pipelines at a time, and binds. */
  async finish(onProgress?: (done: number, total: number) => void): Promise<Recording> {
    const { gpu } = this;
    const wanted = [...new Map(this.dispatches.map((d) => [d.code, d])).values()];
    let done = 0;
    await Promise.all(wanted.map((d) => gpu.pipeline(d.label, d.code).then(() => onProgress?.(++done, wanted.length))));
    const steps: Step[] = [];
    for (const d of this.dispatches) {
      const pipeline = await gpu.pipeline(d.label, d.code);
      const group = gpu.device.createBindGroup({
        label: d.label,
        layout: pipeline.getBindGroupLayout(0),
        entries: d.bindings.map((b, binding) => ({
          binding,
          resource: b instanceof Dim ? { buffer: b.buffer } : { buffer: b.buffer, offset: b.offset, size: b.bytes },
        })),
      });
      const grid = d.grid;
      steps.push({ label: d.label, pipeline, group, grid: typeof grid === 'function' ? grid : () => grid });
    }
    return new Recording(gpu, steps, [...this.#scratch.values()]);
  }
}

/** A dispatch's name and its time on the GPU. */
export interface KernelTime {
  label: string;
  ns: number;
}

/** Times summed by label, longest first, a printable line each. */
export function profileLines(times: readonly KernelTime[]): string[] {
  const byLabel = new Map<string, { ns: number; n: number }>();
  for (const { label, ns } of times) {
    const sum = byLabel.get(label) ?? { ns: 0, n: 0 };
    byLabel.set(label, { ns: sum.ns + ns, n: sum.n + 1 });
  }
  return [...byLabel]
    .sort((a, b) => b[1].ns - a[1].ns)
    .map(([label, { ns, n }]) => `${label.padEnd(36)} ${(ns / 1e3).toFixed(0).padStart(8)} µs  ${n} dispatches`);
}

export class Recording {
  readonly gpu: Gpu;
  readonly #steps: readonly Step[];
  readonly #scratch: readonly Tensor[];

  constructor(gpu: Gpu, steps: readonly Step[], scratch: readonly Tensor[] = []) {
    this.gpu = gpu;
    this.#steps = steps;
    this.#scratch = scratch;
  }

  free(): void {
    this.gpu.free(...this.#scratch);
  }

  get length(): number {
    return this.#steps.length;
  }

  /** Encodes and submits every dispatch, in order. Returns at once; wait with `gpu.read` or `gpu.idle`. */
  replay(): void {
    for (let from = 0; from < this.#steps.length; from += SUBMIT) {
      const encoder = this.gpu.device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (const step of this.#steps.slice(from, from + SUBMIT)) encode(pass, step);
      pass.end();
      this.gpu.device.queue.submit([encoder.finish()]);
    }
  }

  /** One replay with every dispatch timed on the GPU: label and nanoseconds, in order. */
  async profile(): Promise<KernelTime[]> {
    const { device } = this.gpu;
    const out: KernelTime[] = [];
    const CHUNK = 1024; // a query set holds at most 4096 timestamps
    for (let from = 0; from < this.#steps.length; from += CHUNK) {
      const steps = this.#steps.slice(from, from + CHUNK);
      const querySet = device.createQuerySet({ type: 'timestamp', count: 2 * steps.length });
      const bytes = 16 * steps.length;
      const resolved = device.createBuffer({
        size: bytes,
        usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
      });
      const encoder = device.createCommandEncoder();
      steps.forEach((step, i) => {
        const pass = encoder.beginComputePass({
          timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 },
        });
        encode(pass, step);
        pass.end();
      });
      encoder.resolveQuerySet(querySet, 0, 2 * steps.length, resolved, 0);
      device.queue.submit([encoder.finish()]);
      const t = new BigUint64Array(await this.gpu.readBuffer(resolved, bytes));
      steps.forEach((step, i) => {
        out.push({ label: step.label, ns: Number(t[2 * i + 1] - t[2 * i]) });
      });
      querySet.destroy();
      resolved.destroy();
    }
    return out;
  }

  /** Time of `repeats` back-to-back replays in one pass, in nanoseconds a replay: for benchmarks. */
  async time(repeats: number): Promise<number> {
    const { device } = this.gpu;
    const querySet = device.createQuerySet({ type: 'timestamp', count: 2 });
    const resolved = device.createBuffer({ size: 16, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass({
      timestampWrites: { querySet, beginningOfPassWriteIndex: 0, endOfPassWriteIndex: 1 },
    });
    for (let i = 0; i < repeats; i++) for (const step of this.#steps) encode(pass, step);
    pass.end();
    encoder.resolveQuerySet(querySet, 0, 2, resolved, 0);
    device.queue.submit([encoder.finish()]);
    const t = new BigUint64Array(await this.gpu.readBuffer(resolved, 16));
    querySet.destroy();
    resolved.destroy();
    return Number(t[1] - t[0]) / repeats;
  }
}

function encode(pass: GPUComputePassEncoder, step: Step): void {
  const [x, y = 1, z = 1] = step.grid();
  if (!x || !y || !z) return;
  if (x > MAX_GRID || y > MAX_GRID || z > MAX_GRID)
    throw new Error(`${step.label}: grid ${x} x ${y} x ${z} exceeds ${MAX_GRID}; the plan must fold it`);
  pass.setPipeline(step.pipeline);
  pass.setBindGroup(0, step.group);
  pass.dispatchWorkgroups(x, y, z);
}

/** Folds a long one-dimensional grid into two: the kernel's index is `wg.x + wg.y * groups.x`, to be bounds-checked. */
export function fold(groups: number): Grid {
  if (groups <= MAX_GRID) return [groups];
  const y = Math.ceil(groups / MAX_GRID);
  return [Math.ceil(groups / y), y];
}
