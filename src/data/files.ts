/** Small files read whole, with clear errors. */
import { UserError } from '../errors.ts';
import { openFile } from '../formats/file_source.ts';
import { decodeUtf8 } from './utf8.ts';

/** Larger files than this are no question files; a JavaScript string ends at 512 Mi characters anyway. */
const LIMIT = 256 * 2 ** 20;

/** The bytes of a file; throws a UserError where there is none, or where it is larger than 256 MiB. */
export async function readBytes(path: string): Promise<Uint8Array> {
  const file = await openFile(path);
  try {
    if (file.size > LIMIT)
      throw new UserError(`${path}: ${file.size} bytes, more than the ${LIMIT} that are read whole`);
    return await file.read(0, file.size);
  } finally {
    await file.close();
  }
}

/** The text of a UTF-8 file, without a byte order mark. */
export async function readText(path: string): Promise<string> {
  return decodeUtf8(await readBytes(path), path);
}
