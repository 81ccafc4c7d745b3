/**
 * Vectors that were computed before, kept in a file: one file for each model, adapter and way of embedding, one row
 * for each text. A changed taxonomy costs only its new texts; a changed model starts a new file.
 */
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../errors.ts';
import { writeFiles } from '../formats/atomic_file.ts';
import { openFile } from '../formats/file_source.ts';
import { readSafetensors, serializeSafetensors } from '../formats/safetensors.ts';
import { readTensor } from '../formats/tensor.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What makes two embeddings of a text comparable: the files they come from, by name, size and time, and every setting. */
export async function fingerprint(files: readonly string[], settings: Record<string, unknown>): Promise<string> {
  const facts = await Promise.all(
    files.map(async (file) => {
      const { size, mtimeMs } = await stat(file);
      return [file, size, mtimeMs];
    }),
  );
  return sha256(JSON.stringify([facts, settings]));
}

/** Texts by SHA-256, each with its vector. */
export class VectorCache {
  readonly path: string;
  readonly dimensions: number;
  readonly #rows = new Map<string, Float32Array>();

  private constructor(path: string, dimensions: number) {
    this.path = path;
    this.dimensions = dimensions;
  }

  /** The cache of one fingerprint under `folder`. A file that cannot be used counts as empty: it will be replaced. */
  static async open(folder: string, key: string, dimensions: number): Promise<VectorCache> {
    const cache = new VectorCache(join(folder, `${key.slice(0, 32)}.safetensors`), dimensions);
    try {
      const source = await openFile(cache.path);
      try {
        const tensors = await readSafetensors(source);
        const [hashes, vectors] = [tensors.get('sha256'), tensors.get('vectors')];
        if (!hashes || !vectors || vectors.shape[1] !== dimensions) return cache;
        const names = Buffer.from(await readTensor(hashes));
        const values = new Float32Array((await readTensor(vectors)).buffer);
        for (let i = 0; i < vectors.shape[0]; i++)
          cache.#rows.set(
            names.toString('hex', 32 * i, 32 * i + 32),
            values.slice(i * dimensions, (i + 1) * dimensions),
          );
      } finally {
        await source.close();
      }
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
    }
    return cache;
  }

  /**
   * Vectors f32 [texts, dimensions], `embed` computing those of the texts that are not known yet, which are kept.
   * The file is written whole and renamed, so that an interrupted run leaves the old one.
   */
  async vectors(texts: readonly string[], embed: (missing: string[]) => Promise<Float32Array>): Promise<Float32Array> {
    const d = this.dimensions;
    const keys = texts.map(sha256);
    const missing = new Map<string, string>();
    keys.forEach((key, i) => {
      if (!this.#rows.has(key)) missing.set(key, texts[i]);
    });
    if (missing.size) {
      const made = await embed([...missing.values()]);
      [...missing.keys()].forEach((key, i) => {
        this.#rows.set(key, made.slice(i * d, (i + 1) * d));
      });
      await this.#write();
    }
    const out = new Float32Array(texts.length * d);
    keys.forEach((key, i) => {
      out.set(this.#rows.get(key)!, i * d);
    });
    return out;
  }

  async #write(): Promise<void> {
    const n = this.#rows.size;
    const d = this.dimensions;
    const hashes = new Uint8Array(n * 32);
    const vectors = new Float32Array(n * d);
    [...this.#rows].forEach(([key, row], i) => {
      hashes.set(Buffer.from(key, 'hex'), 32 * i);
      vectors.set(row, i * d);
    });
    const file = serializeSafetensors([
      { name: 'sha256', dtype: 'U8', shape: [n, 32], data: hashes },
      { name: 'vectors', dtype: 'F32', shape: [n, d], data: new Uint8Array(vectors.buffer) },
    ]);
    await writeFiles([{ path: this.path, chunks: [file] }]);
  }
}
