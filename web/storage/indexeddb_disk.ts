/** Files as runs of blobs in IndexedDB, keyed by [name, number]: the storage of browsers without a private file system. */
import { type Appender, type Disk, diskError } from './disk.ts';

const STORE = 'parts';
/** Bytes gathered before they become one blob. */
const PART = 4 * 2 ** 20;

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(diskError(request.error));
  });
}

/** Every key of one file. */
const partsOf = (name: string) => IDBKeyRange.bound([name, 0], [name, Number.MAX_SAFE_INTEGER]);

export class IndexedDbDisk implements Disk {
  readonly kind = 'indexeddb';
  readonly #db: IDBDatabase;

  private constructor(db: IDBDatabase) {
    this.#db = db;
  }

  static async open(): Promise<Disk> {
    const request = indexedDB.open('lacuna', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE);
    return new IndexedDbDisk(await settled(request));
  }

  #store(mode: IDBTransactionMode): IDBObjectStore {
    return this.#db.transaction(STORE, mode).objectStore(STORE);
  }

  async list(): Promise<Map<string, number>> {
    const store = this.#store('readonly');
    const [keys, parts] = await Promise.all([
      settled(store.getAllKeys()),
      settled(store.getAll() as IDBRequest<Blob[]>),
    ]);
    const sizes = new Map<string, number>();
    keys.forEach((key, i) => {
      const [name] = key as [string, number];
      sizes.set(name, (sizes.get(name) ?? 0) + parts[i].size);
    });
    return sizes;
  }

  async open(name: string): Promise<Blob | undefined> {
    const parts = await settled(this.#store('readonly').getAll(partsOf(name)) as IDBRequest<Blob[]>);
    return parts.length ? new Blob(parts) : undefined;
  }

  async append(name: string): Promise<Appender> {
    const before = await settled(this.#store('readonly').getAll(partsOf(name)) as IDBRequest<Blob[]>);
    let part = before.length;
    let size = before.reduce((n, blob) => n + blob.size, 0);
    let gathered: Uint8Array<ArrayBuffer>[] = [];
    let bytesGathered = 0;
    const put = async () => {
      if (bytesGathered === 0) return;
      await settled(this.#store('readwrite').put(new Blob(gathered), [name, part]));
      part++;
      gathered = [];
      bytesGathered = 0;
    };
    return {
      get size() {
        return size;
      },
      async write(bytes) {
        gathered.push(bytes.slice());
        bytesGathered += bytes.length;
        size += bytes.length;
        if (bytesGathered >= PART) await put();
      },
      close: put,
    };
  }

  async remove(name: string): Promise<void> {
    await settled(this.#store('readwrite').delete(partsOf(name)));
  }
}
