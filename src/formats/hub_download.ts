/**
 * One file over HTTP into one place on disk: resumed where it broke off, checked, and only then given its name. The
 * bytes so far lie beside it as `.partial`; two processes may fetch the same file, since both write the same bytes at
 * the same places.
 */
import { createHash, type Hash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { type FileHandle, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UserError } from '../errors.ts';
import { fileError } from './file_source.ts';
import type { Checksum } from './hub_client.ts';
import { makeFolder } from './make_folder.ts';
import { type RequestBytes, TooMuch, transfer } from './transfer.ts';

export interface Download {
  request: RequestBytes;
  /** Bytes. */
  size: number;
  checksum: Checksum;
  /** Where it goes. */
  path: string;
  onBytes?: (done: number) => void;
  /** A connection that brings nothing for so many milliseconds is given up: 30,000 by default. */
  silence?: number;
}

/**
 * Downloads a file. Throws a UserError where the connection keeps breaking (the part so far is kept, and the next
 * call goes on from there), where the disk is full, and where the bytes are not what they should be (nothing is kept).
 */
export async function download(file: Download): Promise<void> {
  const partial = `${file.path}.partial`;
  try {
    await makeFolder(dirname(file.path));
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
    const { request, size, onBytes, silence } = file;
    await transfer(
      { request, size, onBytes, silence, name: file.path, again: 'run the same command again to go on from there' },
      {
        get size() {
          return have;
        },
        async write(chunk) {
          await writeAll(partial, handle, chunk, have);
          hash.update(chunk);
          have += chunk.length;
        },
        async restart() {
          await handle.truncate(0);
          have = 0;
          hash = newHash(file.size, file.checksum);
        },
      },
    );
    // Without it a crash soon after the rename may leave the name with no bytes behind it.
    await handle.sync();
    return hash.digest('hex');
  } catch (error) {
    if (error instanceof TooMuch) await rm(partial, { force: true });
    throw error;
  } finally {
    await handle.close();
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
