/**
 * Embeddings that were computed before: one file for each model (with its adapter), rows of the text's SHA-256 and its
 * vector, appended as they come. A changed taxonomy costs only its new texts.
 */
import { UserError } from '../../src/errors.ts';
import type { Disk } from './disk.ts';
import { hex, sha256Bytes } from './sha256.ts';

const HASH = 32;
const PREFIX = 'vectors ';

/** Vectors by their text's SHA-256 in hexadecimal, out of rows of both; nothing where a row is torn. */
function rowsOf(bytes: Uint8Array, dimensions: number): Map<string, Float32Array> | undefined {
  const stride = HASH + 4 * dimensions;
  if (bytes.length % stride) return undefined;
  const rows = new Map<string, Float32Array>();
  for (let at = 0; at < bytes.length; at += stride)
    rows.set(hex(bytes.subarray(at, at + HASH)), new Float32Array(bytes.slice(at + HASH, at + stride).buffer));
  return rows;
}

const bytesOf = async (blob: Blob | undefined) => new Uint8Array((await blob?.arrayBuffer()) ?? new ArrayBuffer(0));

export class VectorStore {
  readonly dimensions: number;
  readonly #disk: Disk;
  readonly #name: string;
  /** Those that came with the model. */
  readonly #known: ReadonlyMap<string, Float32Array>;
  #rows: Map<string, Float32Array>;

  private constructor(disk: Disk, name: string, dimensions: number, known: ReadonlyMap<string, Float32Array>) {
    this.#disk = disk;
    this.#name = name;
    this.dimensions = dimensions;
    this.#known = known;
    this.#rows = new Map(known);
  }

  /**
   * The vectors of the model that `key` stands for. `known`: rows that came with it, which are not kept again. Files
   * that cannot be used count as empty.
   */
  static async open(disk: Disk, key: string, dimensions: number, known?: Blob): Promise<VectorStore> {
    const store = new VectorStore(
      disk,
      PREFIX + key,
      dimensions,
      rowsOf(await bytesOf(known), dimensions) ?? new Map(),
    );
    const rows = rowsOf(await bytesOf(await disk.open(store.#name)), dimensions);
    // A tab that was closed while writing leaves a row torn, and those after it would be out of step.
    if (!rows) await disk.remove(store.#name);
    for (const [key, vector] of rows ?? []) store.#rows.set(key, vector);
    return store;
  }

  /** Bytes of all models' vectors. */
  static async bytes(disk: Disk): Promise<number> {
    let sum = 0;
    for (const [name, size] of await disk.list()) if (name.startsWith(PREFIX)) sum += size;
    return sum;
  }

  static async clear(disk: Disk): Promise<void> {
    for (const name of (await disk.list()).keys()) if (name.startsWith(PREFIX)) await disk.remove(name);
  }

  /** Forgets the rows in memory too, but for those that came with the model. */
  forget(): void {
    this.#rows = new Map(this.#known);
  }

  /**
   * Vectors f32 [texts, dimensions], `embed` computing those of the texts that are not known yet, `slice` at a time:
   * each slice is kept at once, so that what was done before a cancellation is not lost. `embedded` of them were new.
   */
  async vectors(
    texts: readonly string[],
    slice: number,
    embed: (missing: string[], before: number, total: number) => Promise<Float32Array>,
  ): Promise<{ vectors: Float32Array; embedded: number }> {
    const d = this.dimensions;
    const hashes = await Promise.all(texts.map(sha256Bytes));
    const keys = hashes.map(hex);
    const missing = new Map<string, number>();
    keys.forEach((key, i) => {
      if (!this.#rows.has(key)) missing.set(key, i);
    });
    const indices = [...missing.values()];
    for (let from = 0; from < indices.length; from += slice) {
      const part = indices.slice(from, from + slice);
      const made = await embed(
        part.map((i) => texts[i]),
        from,
        indices.length,
      );
      const rows = part.map((index, i) => ({ index, vector: made.slice(i * d, (i + 1) * d) }));
      for (const { index, vector } of rows) this.#rows.set(keys[index], vector);
      await this.#keep(rows.map(({ index, vector }) => ({ hash: hashes[index], vector })));
    }
    const vectors = new Float32Array(texts.length * d);
    keys.forEach((key, i) => {
      vectors.set(this.#rows.get(key)!, i * d);
    });
    return { vectors, embedded: indices.length };
  }

  async #keep(rows: { hash: Uint8Array; vector: Float32Array }[]): Promise<void> {
    const stride = HASH + 4 * this.dimensions;
    const bytes = new Uint8Array(rows.length * stride);
    rows.forEach(({ hash, vector }, i) => {
      bytes.set(hash, i * stride);
      bytes.set(new Uint8Array(vector.buffer), i * stride + HASH);
    });
    try {
      const out = await this.#disk.append(this.#name);
      try {
        await out.write(bytes);
      } finally {
        await out.close();
      }
    } catch (error) {
      // Ranking goes on without: they are in memory, and computed again on the next visit.
      if (!(error instanceof UserError)) throw error;
    }
  }
}
