/** Showing what a file says inside an error message. */

/** A value from the file inside a message: one line, not long. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 100)}…` : text;
}
