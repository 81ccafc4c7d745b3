/** Files in the origin's private file system, in a folder of our own, through the synchronous handles of workers. */
import { type Appender, type Disk, diskError } from './disk.ts';

/** As in TypeScript's library for workers, which cannot stand beside the one for pages. */
interface SyncHandle {
  getSize(): number;
  write(bytes: Uint8Array, options: { at: number }): number;
  truncate(size: number): void;
  flush(): void;
  close(): void;
}
type FileHandle = FileSystemFileHandle & { createSyncAccessHandle(): Promise<SyncHandle> };
type Folder = FileSystemDirectoryHandle & { values(): AsyncIterable<FileSystemHandle> };

const isMissing = (error: unknown): boolean => (error as Error).name === 'NotFoundError';

export class OpfsDisk implements Disk {
  readonly kind = 'opfs';
  readonly #folder: Folder;

  private constructor(folder: Folder) {
    this.#folder = folder;
  }

  static async open(): Promise<Disk> {
    const root = await navigator.storage.getDirectory();
    return new OpfsDisk((await root.getDirectoryHandle('lacuna', { create: true })) as Folder);
  }

  async list(): Promise<Map<string, number>> {
    const sizes = new Map<string, number>();
    for await (const handle of this.#folder.values())
      if (handle.kind === 'file') sizes.set(handle.name, (await (handle as FileSystemFileHandle).getFile()).size);
    return sizes;
  }

  async open(name: string): Promise<Blob | undefined> {
    try {
      return await (await this.#folder.getFileHandle(name)).getFile();
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async append(name: string): Promise<Appender> {
    try {
      const file = (await this.#folder.getFileHandle(name, { create: true })) as FileHandle;
      const handle = await file.createSyncAccessHandle();
      let size = handle.getSize();
      return {
        get size() {
          return size;
        },
        async write(bytes) {
          try {
            for (let done = 0; done < bytes.length; ) {
              const written = handle.write(bytes.subarray(done), { at: size + done });
              if (written === 0) throw new DOMException('nothing was written', 'QuotaExceededError');
              done += written;
            }
          } catch (error) {
            handle.truncate(size);
            throw diskError(error);
          }
          size += bytes.length;
        },
        async close() {
          try {
            handle.flush();
          } catch (error) {
            throw diskError(error);
          } finally {
            handle.close();
          }
        },
      };
    } catch (error) {
      throw diskError(error);
    }
  }

  async remove(name: string): Promise<void> {
    await this.#folder.removeEntry(name).catch((error) => {
      if (!isMissing(error)) throw error;
    });
  }
}
