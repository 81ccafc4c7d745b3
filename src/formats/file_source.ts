/** A ByteSource over a local file, by positioned reads, for Node and Deno. */
import { open } from 'node:fs/promises';
import { UserError } from '../errors.ts';
import { checkRange } from './bytes_source.ts';
import type { ByteSource } from './source.ts';

/** One read call asks for at most this much: the system call takes no more than 2 GiB − 4 KiB. */
const MAX_READ = 1 << 30;

/** Opens a file for reading. UserError where it is missing, a folder, or not ours to read. */
export async function openFile(path: string): Promise<ByteSource & { close(): Promise<void> }> {
  const file = await open(path, 'r').catch((error): never => {
    throw fileError(path, error);
  });
  const stat = await file.stat();
  if (!stat.isFile()) {
    await file.close();
    throw new UserError(`${path}: is ${stat.isDirectory() ? 'a folder' : 'no regular file'}; give a file`);
  }
  const source = {
    name: path,
    size: stat.size,
    async read(offset: number, length: number) {
      checkRange(source, offset, length);
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await file
          .read(bytes, done, Math.min(length - done, MAX_READ), offset + done)
          .catch((error): never => {
            throw fileError(path, error);
          });
        if (bytesRead === 0)
          throw new UserError(`${path}: ended at byte ${offset + done} while it was read; was it cut or replaced?`);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => file.close(),
  };
  return source;
}

/** What a failed file operation means to a user; errors that say nothing a user can mend pass through. */
export function fileError(path: string, error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException)?.code;
  switch (code) {
    case 'ENOENT':
      return new UserError(`${path}: no such file or folder`);
    case 'ENOTDIR':
    case 'EEXIST':
      return new UserError(`${path}: a part of this path is a file, not a folder`);
    case 'EISDIR':
      return new UserError(`${path}: is a folder; give a file`);
    case 'EACCES':
    case 'EPERM':
      return new UserError(`${path}: permission denied`);
    case 'ENOSPC':
    case 'EDQUOT':
      return new UserError(`${path}: no space left on the disk`);
    case 'EROFS':
      return new UserError(`${path}: the disk is read-only`);
    case 'EMFILE':
    case 'ENFILE':
      return new UserError(`${path}: too many open files; raise the limit (ulimit -n)`);
    case 'EIO':
      return new UserError(`${path}: the disk reports a read or write error`);
    case 'ENAMETOOLONG':
    case 'ELOOP':
    case 'ERR_INVALID_ARG_VALUE':
      return new UserError(`${path.slice(0, 200)}: is not a usable path`);
    default:
      return error;
  }
}
