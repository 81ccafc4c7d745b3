/**
 * The Hugging Face hub, as far as a download needs it: what a repository holds, and a file's bytes from any offset.
 * Runs in the browser too. HF_ENDPOINT and HF_TOKEN as everywhere. What goes wrong becomes a UserError that names the way out.
 */
import { fileDownloadInfo, HubApiError, type ListFileEntry, listFiles } from '@huggingface/hub';
import { UserError } from '../errors.ts';
import { type RequestBytes, reason } from './transfer.ts';

/** What a file must hash to: its SHA-256, or git's SHA-1 of it (of `blob <size>\0` and the bytes). */
export type Checksum = { sha256: string } | { gitSha1: string };

/** One file of a repository. */
export interface HubFile {
  path: string;
  /** Bytes. */
  size: number;
  checksum: Checksum;
}

/** Whether a path from outside would lead out of its folder. */
export const isUnsafePath = (path: string): boolean =>
  path.startsWith('/') || path.includes('\\') || path.split('/').includes('..');

/** The hub gives SHA-256 for files kept outside git, and git's own SHA-1 for the rest. */
function checksumOf(entry: ListFileEntry): Checksum | undefined {
  if (entry.lfs) return { sha256: entry.lfs.oid };
  return entry.oid === undefined ? undefined : { gitSha1: entry.oid };
}

/** A browser has none. */
const environment = (): Record<string, string | undefined> =>
  (globalThis as { process?: { env: Record<string, string | undefined> } }).process?.env ?? {};

/** One repository at one revision, through the hub's interface; what goes wrong becomes a UserError. */
export class Hub {
  readonly repo: string;
  private readonly shared: {
    repo: string;
    revision: string;
    hubUrl?: string;
    accessToken?: string;
    fetch: typeof fetch;
  };

  constructor(repo: string, revision: string, patience: number) {
    const { HF_ENDPOINT, HF_TOKEN } = environment();
    if (HF_TOKEN && !HF_TOKEN.startsWith('hf_'))
      throw new UserError('HF_TOKEN: a token of the hub starts with hf_: correct it or unset it');
    if (HF_ENDPOINT && !URL.canParse(HF_ENDPOINT))
      throw new UserError(`HF_ENDPOINT: ${JSON.stringify(HF_ENDPOINT)} is not a URL: correct it or unset it`);
    this.repo = repo;
    this.shared = {
      repo,
      revision,
      hubUrl: HF_ENDPOINT?.replace(/\/+$/, '') || undefined,
      accessToken: HF_TOKEN || undefined,
      fetch: (url, init) => stubbornFetch(url, init, patience),
    };
  }

  /** The files of one folder, not of those below it. */
  async list(path: string): Promise<HubFile[]> {
    const entries: HubFile[] = [];
    try {
      for await (const entry of listFiles({ ...this.shared, path })) {
        const checksum = checksumOf(entry);
        // A path that leads out of its folder would be written there.
        if (entry.type === 'file' && checksum && !isUnsafePath(entry.path))
          entries.push({ path: entry.path, size: entry.size, checksum });
      }
    } catch (error) {
      throw this.explain(error, path);
    }
    return entries;
  }

  /** How to ask for a file's bytes. Throws a UserError where there is no such file, or it has another size. */
  async requester(path: string, size: number): Promise<RequestBytes> {
    const { accessToken } = this.shared;
    const info = await fileDownloadInfo({ ...this.shared, path }).catch((error): never => {
      throw this.explain(error, path);
    });
    if (info === null) throw new UserError(`${this.repo}: has no ${path}`);
    if (info.size !== size) throw new UserError(`${this.repo}: its ${path} has ${info.size} bytes, not ${size}`);
    return async (offset, signal) => {
      const response = await fetch(info.url, {
        signal,
        headers: {
          // A range of a compressed body would be a range of something else.
          'Accept-Encoding': 'identity',
          ...(offset > 0 && { Range: `bytes=${offset}-` }),
          ...(accessToken && { Authorization: `Bearer ${accessToken}` }),
        },
      });
      if (response.ok) return response;
      await response.body?.cancel();
      // The server's own trouble may pass.
      if (response.status >= 500) throw new Error(`the hub answered ${response.status}`);
      throw this.explain(new HubApiError(info.url, response.status), path);
    };
  }

  private explain(error: unknown, path: string): UserError {
    const { repo } = this;
    const { revision, hubUrl, accessToken } = this.shared;
    const where = path ? `${repo}: ${path}` : repo;
    const at = hubUrl ? `the hub at ${hubUrl}` : 'the hub';
    if (!(error instanceof HubApiError))
      return new UserError(
        `${where}: ${at} does not answer (${reason(error)}): check the network, or set HF_ENDPOINT to a mirror`,
      );
    switch (error.statusCode) {
      case 401:
      case 403:
        return new UserError(
          accessToken
            ? `${where}: ${at} refuses the token in HF_TOKEN (${error.statusCode}): check it, and accept the model's licence on its page`
            : `${where}: ${at} wants to know who asks (${error.statusCode}): check the name, and set HF_TOKEN where the model is private or gated`,
        );
      case 404:
        return new UserError(
          `${where}: ${at} has no such thing${revision === 'main' ? '' : ` at revision ${revision}`} (404): check the name`,
        );
      case 429:
        return new UserError(`${where}: ${at} asks to slow down (429): try again later, or set HF_TOKEN`);
      default:
        return new UserError(
          `${where}: ${at} answered ${error.statusCode}: try again later, or set HF_ENDPOINT to a mirror`,
        );
    }
  }
}

/** Asks again where a connection broke, as a kept-alive one may; not where the server stays silent. */
async function stubbornFetch(
  url: RequestInfo | URL,
  init: RequestInit | undefined,
  patience: number,
): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await fetch(url, { ...init, signal: AbortSignal.timeout(patience) });
    } catch (error) {
      if (attempt === 3 || (error as Error).name === 'TimeoutError') throw error;
      await new Promise((resolve) => setTimeout(resolve, 200 * attempt));
    }
  }
}
