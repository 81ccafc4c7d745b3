/**
 * The way of raw bytes from a file to the GPU: in chunks of a few MiB through one staging buffer, with the host
 * waiting now and then so that uploads do not pile up. Knows no format.
 */
import { UserError } from '../errors.ts';
import { readTensor, type TensorInfo } from '../formats/tensor.ts';
import type { Gpu } from '../gpu/gpu.ts';
import { type Dim, Recorder } from '../gpu/recorder.ts';
import type { DType, Tensor } from '../gpu/tensor.ts';

export const CHUNK = 16 * 2 ** 20;
/** Bytes handed to the queue before the host waits. */
const WINDOW = 128 * 2 ** 20;

/** A tensor that is stored row by row. */
export interface StoredRows {
  path: string;
  data: TensorInfo;
  rows: number;
  /** Numbers in a row. */
  K: number;
}

export class Upload {
  readonly gpu: Gpu;
  /** What messages call the model. */
  readonly name: string;
  /** The kernels' parameters; free to be set between two runs. */
  readonly dim: Dim;
  /** Kernels write the mark of a tensor here that holds a number which cannot be used. */
  readonly bad: Tensor;
  readonly #staging: Tensor;
  readonly #marks: string[] = [];
  readonly #made: Tensor[] = [];
  readonly #total: number;
  readonly #onProgress?: (done: number, total: number) => void;
  #done = 0;
  #unwaited = 0;

  constructor(gpu: Gpu, name: string, total: number, onProgress?: (done: number, total: number) => void) {
    this.gpu = gpu;
    this.name = name;
    this.dim = gpu.dim('repack');
    this.bad = gpu.upload('bad', 'u32', [1], new Uint32Array(1));
    this.#staging = gpu.tensor('staging', 'u32', [CHUNK / 4]);
    this.#total = total;
    this.#onProgress = onProgress;
  }

  /** A tensor of the model; given back by `abandon`. */
  tensor(label: string, dtype: DType, shape: readonly number[]): Tensor {
    const t = this.gpu.tensor(label, dtype, shape);
    this.#made.push(t);
    return t;
  }

  /** The number by which kernels report this tensor as bad; never 0. */
  mark(path: string): number {
    return this.#marks.push(path);
  }

  async run(record: (r: Recorder) => void): Promise<void> {
    const r = new Recorder(this.gpu);
    record(r);
    (await r.finish()).replay();
  }

  /**
   * Rows begin .. begin + count through the staging buffer. `record` takes each chunk from there, with `dim` at
   * (rows in the chunk, K, the row of the target that its first one goes to: `at` and on, the tensor's mark).
   */
  async rows(
    { path, data, rows, K }: StoredRows,
    begin: number,
    count: number,
    at: number,
    record: (r: Recorder, raw: Tensor) => void,
  ): Promise<void> {
    const mark = this.mark(path);
    const rowBytes = data.length / rows;
    if (rowBytes > CHUNK)
      throw new UserError(`${this.name}: a row of ${path} has ${rowBytes} bytes; at most ${CHUNK} are supported`);
    const atOnce = Math.floor(CHUNK / rowBytes);
    for (let row = begin; row < begin + count; row += atOnce) {
      const n = Math.min(atOnce, begin + count - row);
      this.gpu.write(this.#staging, await readTensor(data, row * rowBytes, n * rowBytes));
      this.dim.set(n, K, at + row - begin, mark);
      await this.run((r) => record(r, this.#staging));
      await this.#progress(n * rowBytes);
    }
  }

  /** A whole tensor's bytes in a buffer of their own, which the caller frees. */
  async whole(info: TensorInfo): Promise<Tensor> {
    const t = this.gpu.tensor(info.name, 'u32', [Math.ceil(info.length / 4)]);
    for (let at = 0; at < info.length; at += CHUNK) {
      const length = Math.min(CHUNK, info.length - at);
      this.gpu.write(t, await readTensor(info, at, length), at);
      await this.#progress(length);
    }
    return t;
  }

  /** Waits for everything, and throws a UserError that names the tensor if one holds a number which cannot be used. */
  async finish(): Promise<void> {
    const [bad] = await this.gpu.read(this.bad);
    if (bad)
      throw new UserError(
        `${this.name}: ${this.#marks[bad - 1]} holds NaN, infinity or a number beyond f16's range: the file is damaged, or needs LACUNA_TIER=portable`,
      );
  }

  /** Gives back every tensor of a model that could not be loaded. */
  abandon(): void {
    this.gpu.free(...this.#made);
  }

  /** Gives back what only the upload needed. */
  close(): void {
    this.gpu.free(this.#staging, this.bad);
  }

  async #progress(bytes: number): Promise<void> {
    this.#done += bytes;
    this.#unwaited += bytes;
    if (this.#unwaited >= WINDOW) {
      await this.gpu.idle();
      this.#unwaited = 0;
    }
    this.#onProgress?.(this.#done, this.#total);
  }
}
