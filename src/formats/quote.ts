/** Showing what a file says inside an error message. */

const MOST = 100;

/** A value from a file inside a message: one line, not long, control characters escaped. */
export function quote(value: unknown): string {
  const text = toText(shorten(value));
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text;
}

function toText(value: unknown): string {
  try {
    return JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? String(part) : part)) ?? String(value);
  } catch {
    // A million brackets, one inside the other, are parsed without recursion but not written so.
    return 'something nested very deeply';
  }
}

/** What is long is cut before it is turned into text: a file may hold millions of elements. */
function shorten(value: unknown): unknown {
  if (typeof value === 'string') return value.slice(0, MOST + 1);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return Array.from((value as Uint8Array).subarray(0, MOST));
  return Array.isArray(value) ? value.slice(0, MOST) : value;
}
