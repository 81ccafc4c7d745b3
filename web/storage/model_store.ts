/**
 * Models in the browser's storage. A model is a record (a line that says what its files are, then a line for each file
 * that is complete and checked) and one file of bytes each; what a broken connection leaves is gone on with.
 */
import { UserError } from '../../src/errors.ts';
import type { Checksum } from '../../src/formats/hub_client.ts';
import { type RequestBytes, TooMuch, transfer } from '../../src/formats/transfer.ts';
import { type Appender, type Disk, DiskFull } from './disk.ts';
import { hex, Sha256 } from './sha256.ts';

/** What stands for a file's bytes: a checksum, or for a file dropped from disk, which has none, name, size and time. */
export type Proof = Checksum | { stamp: string };

export interface ModelFile {
  name: string;
  /** Bytes. */
  size: number;
  proof: Proof;
}

/** A model as it is kept. */
export interface ModelFiles {
  id: string;
  title: string;
  files: ModelFile[];
}

/** A model that can be fetched: how to ask for the bytes of each file, in the order of `files`. */
export interface Fetchable extends ModelFiles {
  requests: RequestBytes[];
}

export interface StoredModel extends ModelFiles {
  /** Bytes that are there. */
  bytes: number;
  complete: boolean;
}

interface StoredRecord {
  model: ModelFiles;
  done: Set<number>;
}

const slug = (id: string): string => encodeURIComponent(id);
const recordName = (id: string): string => `model ${slug(id)}`;
const fileName = (id: string, index: number): string => `file ${slug(id)} ${index}`;
const encoder = new TextEncoder();

export class ModelStore {
  readonly disk: Disk;

  constructor(disk: Disk) {
    this.disk = disk;
  }

  /** All models, whole or begun. */
  async list(): Promise<StoredModel[]> {
    const sizes = await this.disk.list();
    const found: StoredModel[] = [];
    for (const name of sizes.keys()) {
      const record = name.startsWith('model ') && (await this.#read(decodeURIComponent(name.slice(6))));
      if (!record) continue;
      const { model, done } = record;
      const bytes = model.files.reduce((n, _, i) => n + (sizes.get(fileName(model.id, i)) ?? 0), 0);
      found.push({ ...model, bytes, complete: done.size === model.files.length });
    }
    return found;
  }

  /** A model that is there whole. */
  async find(id: string): Promise<ModelFiles | undefined> {
    const record = await this.#read(id);
    return record && record.done.size === record.model.files.length ? record.model : undefined;
  }

  /** The bytes of a model that is there whole, by file name. */
  async open(model: ModelFiles): Promise<Map<string, Blob>> {
    const blobs = new Map<string, Blob>();
    for (const [i, { name, size }] of model.files.entries()) {
      const blob = await this.disk.open(fileName(model.id, i));
      if (blob?.size !== size) throw new UserError(`${model.title}: ${name} is no longer whole in storage: delete it`);
      blobs.set(name, blob);
    }
    return blobs;
  }

  /**
   * Brings what is missing of a model and gives its bytes by file name. Throws a UserError where the connection keeps
   * breaking (what came so far is kept), where bytes are not what they should be (they are not kept) and a DiskFull.
   */
  async fetch(
    model: Fetchable,
    onBytes: (done: number, total: number) => void,
    signal: AbortSignal,
  ): Promise<Map<string, Blob>> {
    const { id, title, files } = model;
    let record = await this.#read(id);
    // A file that changed where it comes from makes all that was kept of it worthless.
    if (record && JSON.stringify(record.model.files) !== JSON.stringify(files)) {
      await this.remove(id);
      record = undefined;
    }
    if (!record) {
      await this.#append(recordName(id), { id, title, files });
      record = { model, done: new Set() };
    }
    const total = files.reduce((n, { size }) => n + size, 0);
    let before = 0;
    for (const [i, file] of files.entries()) {
      if (!record.done.has(i)) {
        await this.#fetchFile(
          fileName(id, i),
          file,
          model.requests[i],
          (done) => onBytes(before + done, total),
          signal,
        );
        await this.#append(recordName(id), { done: i });
      }
      before += file.size;
      onBytes(before, total);
    }
    return this.open(model);
  }

  async remove(id: string): Promise<void> {
    const record = await this.#read(id);
    for (let i = 0; i < (record?.model.files.length ?? 0); i++) await this.disk.remove(fileName(id, i));
    await this.disk.remove(recordName(id));
  }

  async #fetchFile(
    path: string,
    file: ModelFile,
    request: RequestBytes,
    onBytes: (done: number) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { name, size, proof } = file;
    const part = await this.disk.open(path);
    if (part && part.size > size) await this.disk.remove(path);
    const resumed = part && part.size <= size ? part : undefined;
    let check = await checkOf(proof, size, resumed);
    let out: Appender = await this.disk.append(path);
    try {
      await transfer(
        { request, name, size, onBytes, signal, again: 'load the model again to go on from there' },
        {
          get size() {
            return out.size;
          },
          async write(bytes) {
            await out.write(bytes);
            check.update(bytes);
          },
          restart: async () => {
            await out.close();
            await this.disk.remove(path);
            out = await this.disk.append(path);
            check = await checkOf(proof, size);
          },
        },
      );
    } catch (error) {
      await out.close().catch(() => {});
      if (error instanceof TooMuch || error instanceof DiskFull) await this.disk.remove(path);
      throw error;
    }
    await out.close();
    if (await check.holds()) return;
    await this.disk.remove(path);
    // What was kept before may have been another version's, so it gets one fresh start.
    if (resumed?.size) return this.#fetchFile(path, file, request, onBytes, signal);
    throw new UserError(
      `${name}: what was downloaded is not the file it should be (its checksum differs): nothing was kept; try again`,
    );
  }

  async #read(id: string): Promise<StoredRecord | undefined> {
    const blob = await this.disk.open(recordName(id));
    if (!blob) return undefined;
    const [first, ...rest] = (await blob.text()).split('\n');
    try {
      const model = JSON.parse(first) as ModelFiles;
      // The last line may be torn.
      const done = rest.flatMap((line) => (/^\{"done":\d+\}$/.test(line) ? [JSON.parse(line).done as number] : []));
      return { model, done: new Set(done) };
    } catch {
      await this.disk.remove(recordName(id));
      return undefined;
    }
  }

  async #append(path: string, line: unknown): Promise<void> {
    const out = await this.disk.append(path);
    try {
      await out.write(encoder.encode(`${JSON.stringify(line)}\n`));
    } finally {
      await out.close();
    }
  }
}

interface Check {
  update(bytes: Uint8Array): void;
  holds(): Promise<boolean>;
}

/** Checks a file piece by piece, those bytes first that are there already. */
async function checkOf(proof: Proof, size: number, before?: Blob): Promise<Check> {
  const check = newCheck(proof, size);
  const reader = before?.stream().getReader();
  for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) check.update(next.value);
  return check;
}

function newCheck(proof: Proof, size: number): Check {
  if ('stamp' in proof) return { update() {}, holds: async () => true };
  if ('sha256' in proof) {
    const hash = new Sha256();
    return { update: (bytes) => hash.update(bytes), holds: async () => hash.digest() === proof.sha256 };
  }
  // Only small files, those kept in git itself, have no SHA-256: they are hashed at once.
  const parts: BlobPart[] = [`blob ${size}\0`];
  return {
    update: (bytes) => parts.push(bytes.slice()),
    holds: async () => {
      const digest = await crypto.subtle.digest('SHA-1', await new Blob(parts).arrayBuffer());
      return hex(new Uint8Array(digest)) === proof.gitSha1;
    },
  };
}
