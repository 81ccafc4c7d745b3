/** Small files whole: read with clear errors, written under a temporary name and renamed, so nothing is half-written. */
import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { decodeUtf8 } from './utf8.ts';

/** Larger files than this are no question files; a JavaScript string ends at 512 Mi characters anyway. */
const LIMIT = 256 * 2 ** 20;

const REASONS: Record<string, string> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EISDIR: 'is a folder, a file is expected',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
  ENAMETOOLONG: 'the name is too long',
  ERR_INVALID_ARG_VALUE: 'not a file name',
};

/** The UserError for a failed system call on `path`. */
export function fileError(error: unknown, path: string): UserError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return new UserError(`${path}: ${REASONS[code] ?? message.split('\n')[0]}`);
}

/** The bytes of a file; throws a UserError where there is none, or where it is larger than 256 MiB. */
export async function readBytes(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > LIMIT) throw new UserError(`${path}: ${size} bytes, more than the ${LIMIT} that are read at once`);
    return await readFile(path);
  } catch (error) {
    throw error instanceof UserError ? error : fileError(error, path);
  }
}

/** The text of a UTF-8 file, without a byte order mark. */
export async function readText(path: string): Promise<string> {
  return decodeUtf8(await readBytes(path), path);
}

/** Writes a file whole or not at all. */
export async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    await writeFile(temporary, data);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw missing ? new UserError(`${path}: its folder does not exist`) : fileError(error, path);
  }
}
