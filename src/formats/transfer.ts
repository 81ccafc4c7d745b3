/**
 * Bytes over HTTP into whatever keeps them: gone on with where a connection broke, given up where it keeps breaking.
 * Runs in the browser too; hub_download.ts and the page's storage are what keeps them.
 */
import { UserError } from '../errors.ts';

/**
 * Asks for a file's bytes from `offset` on; the signal fires when nobody waits any more. It throws a UserError for an
 * answer that asking again will not change.
 */
export type RequestBytes = (offset: number, signal: AbortSignal) => Promise<Response>;

export interface Transfer {
  request: RequestBytes;
  /** What messages call it. */
  name: string;
  /** Bytes. */
  size: number;
  onBytes?: (done: number) => void;
  /** A connection that brings nothing for so many milliseconds is given up: 30,000 by default. */
  silence?: number;
  /** Ends the transfer; what came so far stays. */
  signal?: AbortSignal;
  /** How a message tells the user to go on after a connection that keeps breaking. */
  again: string;
}

/** Where the bytes go, in order. A UserError out of it ends the transfer. */
export interface Sink {
  /** Bytes it has. */
  readonly size: number;
  write(bytes: Uint8Array): Promise<void>;
  /** Forgets all of them: the server begins anew. */
  restart(): Promise<void>;
}

/** So many connections in a row may break without bringing a byte. */
const ATTEMPTS = 4;

/** The server sent more than there should be: what came is worth nothing. */
export class TooMuch extends UserError {}

/** Fills `sink` until it has every byte. Throws a UserError where the connection keeps breaking, a TooMuch. */
export async function transfer(file: Transfer, sink: Sink): Promise<void> {
  file.onBytes?.(sink.size);
  for (let failures = 0; sink.size < file.size; ) {
    const before = sink.size;
    try {
      for await (const chunk of chunks(file, sink.size)) {
        if (chunk === 'restart') {
          await sink.restart();
          continue;
        }
        await sink.write(chunk);
        file.onBytes?.(sink.size);
        if (sink.size > file.size)
          throw new TooMuch(`${file.name}: the server sent more than the ${file.size} bytes due: nothing was kept`);
      }
      if (sink.size < file.size && sink.size === before) throw new Error('the connection ended early');
    } catch (error) {
      file.signal?.throwIfAborted();
      // A UserError says what to do already; anything else is the connection's.
      if (error instanceof UserError) throw error;
      failures = sink.size > before ? 0 : failures + 1;
      if (failures === ATTEMPTS)
        throw new UserError(
          `${file.name}: the download broke off at ${sink.size} of ${file.size} bytes (${reason(error)}): ${file.again}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 250 * 2 ** failures));
    }
  }
}

/** The body of one answer from `offset` on; 'restart' first where the server sends the file from its beginning. */
async function* chunks(file: Transfer, offset: number): AsyncGenerator<Uint8Array | 'restart'> {
  const { silence = 30_000 } = file;
  const abort = new AbortController();
  const stop = () => abort.abort(file.signal?.reason);
  file.signal?.throwIfAborted();
  file.signal?.addEventListener('abort', stop);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = () => {
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(new Error(`nothing came for ${silence / 1000} s`)), silence);
  };
  try {
    patience();
    const response = await file.request(offset, abort.signal);
    const start = startOf(response);
    if (offset > 0 && start === 0) yield 'restart';
    else if (start !== offset)
      throw new UserError(`${file.name}: the server sent other bytes than asked for; try again later`);
    // Not every browser iterates a stream.
    const reader = response.body?.getReader();
    for (let next = await reader?.read(); next && !next.done; next = await reader?.read()) {
      patience();
      yield next.value;
    }
  } finally {
    clearTimeout(timer);
    file.signal?.removeEventListener('abort', stop);
    abort.abort();
  }
}

/** Which byte of the file an answer begins with; NaN where it does not say so clearly. */
export const startOf = (response: Response): number =>
  response.status === 206 ? Number(/^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '')?.[1]) : 0;

/** fetch hides what went wrong in its cause. */
export function reason(error: unknown): string {
  const { message, cause } = error as Error & { cause?: Error & { code?: string } };
  return cause?.code ?? cause?.message ?? message;
}
