/** Where bytes come from: a local file, a Blob in the browser, an HTTP range. Parsers know only this. */
export interface ByteSource {
  /** What an error message calls it: a path or a URL. */
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`; throws a UserError that names the source where there are fewer. */
  read(offset: number, length: number): Promise<Uint8Array>;
}
