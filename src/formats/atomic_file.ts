/** Writing files so that nothing half-written is ever left under the final name. */
import { rmdirSync, rmSync } from 'node:fs';
import { copyFile, type FileHandle, link, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { fileError } from './file_source.ts';
import { makeFolder } from './make_folder.ts';

/**
 * A file to be written, in pieces: at once, or as they are made, each left as it is until the next but one is asked
 * for. Or one with the bytes of another that is only ever replaced and never written into: where it can be, the two are
 * one file of two names.
 */
export type FileToWrite = { readonly path: string } & (
  | { readonly chunks: Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string> }
  | { readonly sameAs: string }
);

/** One call is given at most this much: the system call takes no more than 2 GiB − 4 KiB. */
const MAX_WRITE = 1 << 30;

/** What is being written now, newest last: temporary files, and folders that were made for them. */
const unfinished = new Map<string, 'file' | 'folder'>();

/**
 * Removes all that writeFiles has begun and not finished, and the folders it made for that where they are empty.
 * Synchronous, for the moment between Ctrl-C and the end of the process.
 */
export function removeUnfinished(paths: Iterable<string> = unfinished.keys()): void {
  for (const path of [...paths].reverse()) {
    try {
      if (unfinished.get(path) === 'file') rmSync(path, { force: true });
      else rmdirSync(path);
    } catch {
      // A folder that something else lies in stays.
    }
    unfinished.delete(path);
  }
}

/**
 * Writes all files under temporary names beside their targets, then renames them in the order given. A failure
 * before the renames leaves the targets as they were; the temporary files are removed. Folders are made as needed.
 * A UserError thrown by `chunks` passes through.
 */
export async function writeFiles(files: readonly FileToWrite[]): Promise<void> {
  const written: { path: string; temporary: string }[] = [];
  const begun: string[] = [];
  const begin = (path: string, kind: 'file' | 'folder') => {
    begun.push(path);
    unfinished.set(path, kind);
  };
  let current = '';
  try {
    for (const file of files) {
      const { path } = file;
      current = path;
      for (const folder of await makeFolder(dirname(path))) begin(folder, 'folder');
      const temporary = `${path}.${process.pid}.tmp`;
      written.push({ path, temporary });
      begin(temporary, 'file');
      // A killed process of the same number may have left it, as another name of a file that must stay as it is.
      await rm(temporary, { force: true });
      if ('sameAs' in file) await link(file.sameAs, temporary).catch(() => copy(file.sameAs, temporary));
      else await write(temporary, file.chunks);
    }
    for (const { path, temporary } of written) {
      current = path;
      await rename(temporary, path);
      // Renaming one name of a file to another of its names leaves both.
      await rm(temporary, { force: true });
    }
    for (const path of begun) unfinished.delete(path);
  } catch (error) {
    removeUnfinished(begun);
    throw fileError(current, error);
  }
}

/** Writes a file to the disk, each piece while the next is made. */
async function write(path: string, chunks: Iterable<Uint8Array | string> | AsyncIterable<Uint8Array | string>) {
  const file = await open(path, 'w');
  let writing = Promise.resolve();
  try {
    for await (const chunk of chunks) {
      await writing;
      writing = append(file, chunk);
      // It is awaited above or below, unless making the next piece fails first.
      writing.catch(() => {});
    }
    await writing;
    // Without it a crash soon after the rename may leave the new name with no bytes behind it.
    await file.sync();
  } finally {
    await file.close();
  }
}

/** As the handle's appendFile, which waits for a turn of the event loop after every half MiB. */
async function append(file: FileHandle, chunk: Uint8Array | string): Promise<void> {
  const bytes = typeof chunk === 'string' ? new TextEncoder().encode(chunk) : chunk;
  for (let at = 0; at < bytes.length; )
    at += (await file.write(bytes, at, Math.min(bytes.length - at, MAX_WRITE))).bytesWritten;
}

async function copy(source: string, target: string) {
  await copyFile(source, target);
  const file = await open(target);
  await file.sync().finally(() => file.close());
}
