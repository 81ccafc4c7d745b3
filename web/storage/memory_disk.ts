/** Files in memory: for windows without storage, and for what no longer fits in it. Gone with the tab. */
import type { Appender, Disk } from './disk.ts';

export class MemoryDisk implements Disk {
  readonly kind = 'memory';
  readonly #files = new Map<string, Blob>();

  async list(): Promise<Map<string, number>> {
    return new Map([...this.#files].map(([name, blob]) => [name, blob.size]));
  }

  async open(name: string): Promise<Blob | undefined> {
    return this.#files.get(name);
  }

  async append(name: string): Promise<Appender> {
    const files = this.#files;
    const parts: BlobPart[] = files.has(name) ? [files.get(name)!] : [];
    let size = files.get(name)?.size ?? 0;
    return {
      get size() {
        return size;
      },
      async write(bytes) {
        parts.push(bytes.slice());
        size += bytes.length;
      },
      async close() {
        files.set(name, new Blob(parts));
      },
    };
  }

  async remove(name: string): Promise<void> {
    this.#files.delete(name);
  }
}
