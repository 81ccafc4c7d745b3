/**
 * One file over HTTP into one place on disk: resumed where it broke off, checked, and only then given its name. The
 * bytes so far lie beside it as `.partial`; two processes may fetch the same file, since both write the same bytes at
 * the same places.
 */
import { createHash, type Hash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../errors.ts';
import { fileError } from './file_source.ts';

/** What a file must hash to: its SHA-256, or git's SHA-1 of it (of `blob <size>\0` and the bytes). */
export type Checksum = { sha256: string } | { gitSha1: string };

export interface Download {
  /**
   * Asks for the bytes from `offset` on; the signal fires when the server has been silent for too long. It throws a
   * UserError for an answer that asking again will not change.
   */
  request(offset: number, signal: AbortSignal): Promise<Response>;
  /** Bytes. */
  size: number;
  checksum: Checksum;
  /** Where it goes. */
  path: string;
  onBytes?: (done: number) => void;
  /** A connection that brings nothing for so many milliseconds is given up: 30,000 by default. */
  silence?: number;
}

/** So many connections in a row may break without bringing a byte. */
const ATTEMPTS = 4;

/**
 * Downloads a file. Throws a UserError where the connection keeps breaking (the part so far is kept, and the next
 * call goes on from there), where the disk is full, and where the bytes are not what they should be (nothing is kept).
 */
export async function download(file: Download): Promise<void> {
  const partial = `${file.path}.partial`;
  try {
    await mkdir(dirname(file.path), { recursive: true });
    await checkSpace(file, partial);
    // What an earlier call left may belong to another version of the file, so a mismatch gets one fresh start.
    const resumed = await sizeOf(partial);
    const actual = await fetchInto(partial, file);
    if (actual !== expected(file.checksum)) {
      await rm(partial, { force: true });
      if (resumed > 0) return await download(file);
      throw new UserError(
        `${file.path}: what was downloaded has checksum ${actual.slice(0, 16)}…, not ${expected(file.checksum).slice(0, 16)}…: nothing was kept; try again, or another mirror (HF_ENDPOINT)`,
      );
    }
    await rename(partial, file.path).catch(async (error: unknown) => {
      // Another process that fetched the same file was first.
      if ((await sizeOf(file.path)) !== file.size) throw error;
    });
  } catch (error) {
    throw fileError(file.path, error);
  }
}

/** Whether `path` holds exactly the bytes that the checksum stands for. */
export async function holds(path: string, size: number, checksum: Checksum): Promise<boolean> {
  if ((await sizeOf(path)) !== size) return false;
  return (await hashPrefix(path, size, size, checksum)).digest('hex') === expected(checksum);
}

/** Appends to `partial` until it has every byte; gives the checksum of it all. */
async function fetchInto(partial: string, file: Download): Promise<string> {
  let have = await sizeOf(partial);
  if (have > file.size) {
    await rm(partial);
    have = 0;
  }
  const handle = await open(partial, constants.O_RDWR | constants.O_CREAT);
  try {
    let hash = await hashPrefix(partial, have, file.size, file.checksum);
    file.onBytes?.(have);
    for (let failures = 0; have < file.size; ) {
      const before = have;
      try {
        for await (const chunk of chunks(file, have)) {
          if (chunk === 'restart') {
            await handle.truncate(0);
            have = 0;
            hash = newHash(file.size, file.checksum);
            continue;
          }
          await writeAll(partial, handle, chunk, have);
          hash.update(chunk);
          have += chunk.length;
          file.onBytes?.(have);
          if (have > file.size)
            throw new UserError(`${file.path}: the server sent more than the ${file.size} bytes due: nothing was kept`);
        }
        if (have < file.size && have === before) throw new Error('the connection ended early');
      } catch (error) {
        // A UserError says what to do already; anything else is the connection's.
        if (error instanceof UserError) throw error;
        failures = have > before ? 0 : failures + 1;
        if (failures === ATTEMPTS)
          throw new UserError(
            `${file.path}: the download broke off at ${have} of ${file.size} bytes (${reason(error)}): run the same command again to go on from there`,
          );
        await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** failures));
      }
    }
    // Without it a crash soon after the rename may leave the name with no bytes behind it.
    await handle.sync();
    return hash.digest('hex');
  } catch (error) {
    // More bytes than there should be: the part is worth nothing.
    if (have > file.size) await rm(partial, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
}

/** The body of one answer from `offset` on; 'restart' first where the server sends the file from its beginning. */
async function* chunks(file: Download, offset: number): AsyncGenerator<Uint8Array | 'restart'> {
  const { silence = 30_000 } = file;
  const abort = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = () => {
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(new Error(`nothing came for ${silence / 1000} s`)), silence);
  };
  try {
    patience();
    const response = await file.request(offset, abort.signal);
    const start =
      response.status === 206 ? Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]) : 0;
    if (offset > 0 && start === 0) yield 'restart';
    else if (start !== offset)
      throw new UserError(`${file.path}: the server sent other bytes than asked for; try again later`);
    for await (const chunk of response.body ?? []) {
      patience();
      yield chunk;
    }
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

/** Disk errors become UserErrors here, so that they are not taken for the connection's. */
async function writeAll(path: string, handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  try {
    for (let done = 0; done < bytes.length; )
      done += (await handle.write(bytes, done, bytes.length - done, position + done)).bytesWritten;
  } catch (error) {
    throw fileError(path, error);
  }
}

async function checkSpace(file: Download, partial: string): Promise<void> {
  const { bavail, bsize } = await statfs(dirname(file.path));
  const needed = file.size - (await sizeOf(partial));
  if (bavail * bsize < needed)
    throw new UserError(
      `${file.path}: needs ${needed} bytes, the disk has ${bavail * bsize} free: make room, or put the cache elsewhere (LACUNA_CACHE)`,
    );
}

/** fetch hides what went wrong in its cause. */
export function reason(error: unknown): string {
  const { message, cause } = error as Error & { cause?: NodeJS.ErrnoException };
  return cause?.code ?? cause?.message ?? message;
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    (s) => s.size,
    () => 0,
  );

const expected = (checksum: Checksum): string => ('sha256' in checksum ? checksum.sha256 : checksum.gitSha1);

function newHash(size: number, checksum: Checksum): Hash {
  return 'sha256' in checksum ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
}

/** The running checksum after the first `have` bytes of a file that will have `size`. */
async function hashPrefix(path: string, have: number, size: number, checksum: Checksum): Promise<Hash> {
  const hash = newHash(size, checksum);
  if (have > 0) for await (const chunk of createReadStream(path, { end: have - 1 })) hash.update(chunk);
  return hash;
}
