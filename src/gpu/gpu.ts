/** The GPU as the rest of lacuna sees it: tensors made, filled and read, pipelines cached, memory counted. */
import { UserError } from '../errors.ts';
import { type AdapterDescription, type Caps, type OpenOptions, openAdapter } from './adapter.ts';
import { Patience } from './patience.ts';
import { Dim } from './recorder.ts';
import { BYTES, type DType, elements, type Tensor, tensorBytes } from './tensor.ts';

/** Pipelines compiled at the same time: drivers gain from some parallelism and stall with hundreds. */
const COMPILE_WINDOW = 8;

export class Gpu {
  readonly device: GPUDevice;
  readonly caps: Caps;
  readonly description: AdapterDescription;
  /** Bytes of tensors alive. */
  allocated = 0;
  /** The most that were alive at once. */
  peak = 0;
  /** The plans measured best on this GPU, by the key and the name that a kernel gives them; absent: static plans alone. */
  tuning?: { get(key: string): string | undefined };
  /** Resolves with the reason when the device is lost. */
  readonly lost: Promise<string>;

  readonly #patience: Patience;
  #uniforms = new Map<string, Tensor>();
  #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  #compiling = new Set<Promise<unknown>>();
  #failure: UserError | undefined;

  private constructor(device: GPUDevice, caps: Caps, description: AdapterDescription) {
    this.device = device;
    this.caps = caps;
    this.description = description;
    this.#patience = new Patience(description);
    this.lost = device.lost.then((info) => {
      this.#failure ??= new UserError(`the GPU was lost (${info.message || info.reason}): run the command again`);
      return info.message || info.reason;
    });
    device.addEventListener('uncapturederror', (event) => {
      const { error } = event as GPUUncapturedErrorEvent;
      const memory = /out.?of.?memory/i.test(`${error.constructor.name} ${error.message}`);
      this.#failure ??= memory
        ? new UserError(
            'the GPU is out of memory: use a smaller --batch-tokens, in training --chunk-tokens or --keep-memory; --dry-run says what a job takes',
          )
        : new UserError(`WebGPU error: ${error.message.split('\n')[0]}`);
    });
  }

  static async open(options: OpenOptions = {}): Promise<Gpu> {
    const { device, caps, description } = await openAdapter(options);
    return new Gpu(device, caps, description);
  }

  /** The type activations are stored in between kernels: f16 where the tier has it. */
  get activation(): 'f16' | 'f32' {
    return this.caps.f16 ? 'f16' : 'f32';
  }

  /** An uninitialised tensor. Throws a UserError where one binding cannot hold it. */
  tensor(label: string, dtype: DType, shape: readonly number[]): Tensor {
    const bytes = tensorBytes(dtype, shape);
    if (bytes > this.caps.maxBinding)
      throw new UserError(
        `${label} [${shape.join(', ')}] needs ${bytes} bytes, and this GPU binds at most ${this.caps.maxBinding}: use a smaller model or --batch-tokens, in training --chunk-tokens`,
      );
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = this.device.createBuffer({ label, size: bytes, usage });
    this.allocated += bytes;
    this.peak = Math.max(this.peak, this.allocated);
    return { label, dtype, shape, buffer, bytes };
  }

  /**
   * Elements first .. of `t` as a tensor of their own, on the same buffer: a parameter in a flat buffer of all. It
   * begins at a multiple of 256 bytes, as bindings must. One dispatch must not read one view of a buffer and write
   * another: WebGPU takes the buffer as a whole there.
   */
  view(t: Tensor, label: string, first: number, shape: readonly number[]): Tensor {
    const bytes = tensorBytes(t.dtype, shape);
    const offset = (t.offset ?? 0) + first * BYTES[t.dtype];
    if (offset % 256 || offset + bytes > (t.offset ?? 0) + t.bytes)
      throw new Error(`${label} [${shape.join(', ')}] at ${first} is no view of ${t.label} [${t.shape.join(', ')}]`);
    return { label, dtype: t.dtype, shape, buffer: t.buffer, bytes, offset };
  }

  /** Fills `t` with zero bytes, after all that was submitted before. */
  clear(t: Tensor): void {
    const encoder = this.device.createCommandEncoder();
    encoder.clearBuffer(t.buffer, t.offset ?? 0, t.bytes);
    this.device.queue.submit([encoder.finish()]);
  }

  /** A tensor holding `data`: Float32Array for f32, Uint16Array of half bits for f16, Uint32Array for u32. */
  upload(
    label: string,
    dtype: DType,
    shape: readonly number[],
    data: Float32Array | Uint16Array | Uint32Array,
  ): Tensor {
    if (data.length !== elements(shape) || data.BYTES_PER_ELEMENT !== BYTES[dtype])
      throw new Error(
        `${label}: ${data.length} values of ${data.BYTES_PER_ELEMENT} bytes do not fill ${dtype} [${shape.join(', ')}]`,
      );
    const t = this.tensor(label, dtype, shape);
    this.write(t, data);
    return t;
  }

  /** Writes `data` at byte `at` of `t` (a multiple of 4); odd byte counts are padded to WebGPU's four. */
  write(t: Tensor, data: Float32Array | Uint16Array | Uint32Array | Uint8Array, at = 0): void {
    if (at + data.byteLength > t.bytes)
      throw new Error(`${t.label}: ${data.byteLength} bytes do not fit in ${t.bytes}`);
    let bytes = new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.byteLength);
    if (bytes.length % 4) {
      const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
      padded.set(bytes);
      bytes = padded;
    }
    this.device.queue.writeBuffer(t.buffer, (t.offset ?? 0) + at, bytes);
  }

  dim(label: string, x = 0, y = 0, z = 0, w = 0): Dim {
    return new Dim(this, label).set(x, y, z, w);
  }

  /** Numbers that never change, as a uniform; the same numbers are one buffer for the life of the GPU. */
  uniform(label: string, words: Uint32Array): Tensor {
    const key = `${label} ${words.join(' ')}`;
    const known = this.#uniforms.get(key);
    if (known) return known;
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    const buffer = this.device.createBuffer({ label, size: words.byteLength, usage });
    const made: Tensor = { label, dtype: 'u32', shape: [words.length], buffer, bytes: words.byteLength };
    this.write(made, words);
    this.#uniforms.set(key, made);
    return made;
  }

  /** Frees tensors that own their buffers; a view goes with the tensor that it is of. */
  free(...tensors: readonly Tensor[]): void {
    for (const t of tensors) {
      if (t.offset !== undefined) continue;
      t.buffer.destroy();
      this.allocated -= t.bytes;
    }
  }

  /**
   * `count` elements of `t` from `first` on (all by default), copied back: its dtype's typed array, f16 as half bits.
   */
  async read(
    t: Tensor,
    count = elements(t.shape),
    first = 0,
  ): Promise<Float32Array<ArrayBuffer> | Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>> {
    const begin = (t.offset ?? 0) + first * BYTES[t.dtype];
    // Copies begin and end at multiples of four bytes.
    const spare = begin % 4;
    const bytes = Math.ceil((spare + count * BYTES[t.dtype]) / 4) * 4;
    const raw = await this.readBuffer(t.buffer, bytes, begin - spare);
    if (t.dtype === 'f32') return new Float32Array(raw, 0, count);
    return t.dtype === 'f16' ? new Uint16Array(raw, spare, count) : new Uint32Array(raw, 0, count);
  }

  /** `bytes` of a buffer from byte `at` on. Throws what went wrong on the device since the last read. */
  async readBuffer(buffer: GPUBuffer, bytes: number, at = 0): Promise<ArrayBuffer> {
    this.check();
    const staging = this.device.createBuffer({ size: bytes, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(buffer, at, staging, 0, bytes);
    this.device.queue.submit([encoder.finish()]);
    try {
      await this.#patience.during(staging.mapAsync(GPUMapMode.READ));
    } catch (error) {
      this.check();
      throw error;
    }
    const copy = staging.getMappedRange().slice(0);
    staging.destroy();
    this.check();
    return copy;
  }

  /** Waits until everything submitted has run. */
  async idle(): Promise<void> {
    await this.#patience.during(this.device.queue.onSubmittedWorkDone());
    this.check();
  }

  /** Throws the first device error since the GPU was opened, if there was one. */
  check(): void {
    if (this.#failure) throw this.#failure;
  }

  /** The pipeline of a WGSL text, compiled once per device. */
  pipeline(label: string, code: string): Promise<GPUComputePipeline> {
    const known = this.#pipelines.get(code);
    if (known) return known;
    const made = this.#compile(label, code);
    this.#pipelines.set(code, made);
    return made;
  }

  async #compile(label: string, code: string): Promise<GPUComputePipeline> {
    while (this.#compiling.size >= COMPILE_WINDOW) await Promise.race(this.#compiling).catch(() => {});
    const module = this.device.createShaderModule({ label, code });
    const work = this.device.createComputePipelineAsync({
      label,
      layout: 'auto',
      compute: { module, entryPoint: 'main' },
    });
    this.#compiling.add(work);
    try {
      // At once, also where it fails: what waits for room would find a settled promise over and over, and let nothing else run.
      return await this.#patience.during(work).finally(() => this.#compiling.delete(work));
    } catch (error) {
      const info = await module.getCompilationInfo().catch(() => undefined);
      const first = info?.messages.find((m) => m.type === 'error');
      const where = first ? ` (line ${first.lineNum}: ${first.message})` : '';
      throw new Error(`${label}: WGSL does not compile${where}: ${(error as Error).message}`);
    }
  }

  close(): void {
    this.device.destroy();
  }
}
