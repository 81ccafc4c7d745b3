/**
 * Strict UTF-8: text that is not UTF-8 is refused with the place of the first bad byte, since a replacement character
 * in a question would silently change what the model reads.
 */
import { UserError } from '../errors.ts';

const REPLACEMENT = '\uFFFD';

/**
 * Text of UTF-8 bytes, without a byte order mark.
 * Throws a UserError naming `file`, line and byte offset of the first byte that is not UTF-8.
 */
export function decodeUtf8(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    const offset = firstBadByte(bytes);
    const line = bytes.subarray(0, offset).reduce((n, byte) => n + (byte === 0x0a ? 1 : 0), 1);
    throw new UserError(`${file}:${line}: byte ${offset} is not UTF-8: save the file as UTF-8`);
  }
}

/** Offset of the first byte that a lenient decoder replaces; a U+FFFD that the bytes do spell is no fault. */
function firstBadByte(bytes: Uint8Array): number {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  const encoder = new TextEncoder();
  let offset = 0;
  for (let from = 0; ; ) {
    const at = text.indexOf(REPLACEMENT, from);
    if (at < 0) return offset;
    offset += encoder.encode(text.slice(from, at)).length;
    if (bytes[offset] !== 0xef || bytes[offset + 1] !== 0xbf || bytes[offset + 2] !== 0xbd) return offset;
    offset += 3;
    from = at + 1;
  }
}
