/**
 * Named files in the browser's storage: the origin's private file system, IndexedDB where that is not to be had
 * (some private windows), else memory, where all goes on and nothing is there next time. Files only grow or vanish,
 * which all three can do cheaply and safely.
 */
import { UserError } from '../../src/errors.ts';
import { IndexedDbDisk } from './indexeddb_disk.ts';
import { MemoryDisk } from './memory_disk.ts';
import { OpfsDisk } from './opfs_disk.ts';

export interface Disk {
  readonly kind: 'opfs' | 'indexeddb' | 'memory';
  /** Names and bytes of all files. */
  list(): Promise<Map<string, number>>;
  /** A file's content, read lazily; undefined where there is none. Good until the file is appended to or removed. */
  open(name: string): Promise<Blob | undefined>;
  /** Opens a file to append to it, an empty one where there is none. One at a time for each name. */
  append(name: string): Promise<Appender>;
  remove(name: string): Promise<void>;
}

export interface Appender {
  /** Bytes so far. */
  readonly size: number;
  /** Throws a DiskFull where nothing more fits. What was written before stays. */
  write(bytes: Uint8Array): Promise<void>;
  /** All that was written is there for good once this resolves. */
  close(): Promise<void>;
}

/** The browser gives this page no more storage. */
export class DiskFull extends UserError {
  constructor() {
    super('the browser’s storage for this page is full: delete a model, or free space on this machine’s disk');
  }
}

/** What a browser throws where storage is full or in use by another tab, as an error that says so; others as they are. */
export function diskError(error: unknown): unknown {
  const { name, message } = (error ?? {}) as Error;
  if (name === 'NoModificationAllowedError')
    return new UserError('another tab of this page is storing the same: wait for it, or close it');
  return name === 'QuotaExceededError' || /quota|no space|disk full/i.test(message ?? '') ? new DiskFull() : error;
}

/** The best storage that works here: it is tried out by writing, since private windows fail in different places. */
export async function openDisk(): Promise<Disk> {
  for (const open of [OpfsDisk.open, IndexedDbDisk.open]) {
    try {
      const disk = await open();
      const probe = await disk.append('probe');
      await probe.write(new Uint8Array(1));
      await probe.close();
      await disk.remove('probe');
      return disk;
    } catch {
      // Not to be had here.
    }
  }
  return new MemoryDisk();
}
