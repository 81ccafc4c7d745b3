/** A ByteSource over bytes in memory, and the range check that every source shares. */
import { UserError } from '../errors.ts';
import type { ByteSource } from './source.ts';

/** Bytes that are already in memory; `read` copies, so a caller may keep or change what it gets. */
export function bytesSource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.length,
    async read(offset, length) {
      checkRange(this, offset, length);
      return bytes.slice(offset, offset + length);
    },
  };
}

/**
 * UserError where a source has no bytes offset..offset + length. Called before anything is allocated, so that a
 * lying length costs nothing.
 */
export function checkRange(source: ByteSource, offset: number, length: number): void {
  if (!(offset >= 0 && length >= 0 && offset + length <= source.size))
    throw new UserError(
      `${source.name}: ${length} bytes wanted at byte ${offset}, but the file has ${source.size}; is it a partial download?`,
    );
}

/** All of a small text file (JSON), as UTF-8. UserError beyond `limit` bytes or where it is not UTF-8. */
export async function readText(source: ByteSource, limit = 64 * 2 ** 20): Promise<string> {
  if (source.size > limit)
    throw new UserError(
      `${source.name}: ${source.size} bytes is too large for a text file of this kind (at most ${limit})`,
    );
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await source.read(0, source.size));
  } catch (error) {
    if (error instanceof TypeError) throw new UserError(`${source.name}: is not UTF-8 text`);
    throw error;
  }
}

/** A settings file's value. UserError where it is not JSON, or so large that parsing it could fill the memory. */
export async function readJson(source: ByteSource): Promise<unknown> {
  return parseJson(await readText(source, 16 * 2 ** 20), source.name);
}

/** JSON.parse with an error that names the file, in one line. */
export function parseJson(text: string, name: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const why = (error as Error).message.replace(/\s+/g, ' ').slice(0, 120);
    throw new UserError(`${name}: ${text.trim() === '' ? 'is empty' : `is not JSON (${why})`}`);
  }
}
