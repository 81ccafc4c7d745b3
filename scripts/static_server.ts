/**
 * Serves the built page from this machine alone, with models from folders beside it: models/index.json lists them,
 * models/<id>/<file> are their bytes. Answers ranges, so that a broken download goes on. Only files that were listed
 * when the server started can be asked for: no path of a request ever reaches the disk.
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { basename, extname, join, relative, sep } from 'node:path';
import type { ShippedModel } from '../web/worker/catalogue.ts';

export interface ModelFolder {
  id: string;
  title: string;
  /** Paths of its files. */
  files: string[];
}

export interface ServeOptions {
  /** The built page. */
  root: string;
  models?: readonly ModelFolder[];
  /** Whether models that were built into the page are listed too, before the others; default true. */
  shipped?: boolean;
  /** The folder under which all lies, such as '/some/where/'. */
  path?: string;
  host?: string;
  /** 0, the default, takes a free one. */
  port?: number;
  /** Sees a request first; true where it has answered it. For tests. */
  first?: (request: IncomingMessage, response: ServerResponse) => boolean;
}

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
  '.csv': 'text/csv; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
  '.woff': 'font/woff',
  '.ttf': 'font/ttf',
  '.webmanifest': 'application/manifest+json',
  '.map': 'application/json',
};

/** The page's own policy is in its markup; a worker obeys only what its answer says. */
const HEADERS = {
  'content-security-policy':
    "default-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' https://huggingface.co https://*.huggingface.co https://*.hf.co; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

const MODEL_FILE = /\.(gguf|safetensors|json)$/;

/** The models under a cache folder: every .gguf is one, and every folder with config.json. */
export function modelsIn(folder: string): ModelFolder[] {
  if (!existsSync(folder)) return [];
  const byFolder = new Map<string, string[]>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && MODEL_FILE.test(entry.name))
      byFolder.set(entry.parentPath, [...(byFolder.get(entry.parentPath) ?? []), entry.name]);
  const models: ModelFolder[] = [];
  for (const [place, names] of [...byFolder].sort()) {
    const id = relative(folder, place).split(sep).join('--') || 'model';
    const ggufs = names.filter((name) => name.endsWith('.gguf'));
    for (const name of ggufs)
      models.push({
        id: ggufs.length === 1 ? id : `${id}--${name}`,
        title: basename(name, '.gguf'),
        files: [join(place, name)],
      });
    if (names.includes('config.json') && names.some((name) => name.endsWith('.safetensors')))
      models.push({ id, title: id.replace('--', '/'), files: names.map((name) => join(place, name)) });
  }
  return models;
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** Starts serving; resolves with the server and the page's address. */
export async function serve(options: ServeOptions): Promise<{ server: Server; url: string }> {
  const { root, models = [], shipped: withShipped = true, path: base = '/', host = '127.0.0.1', port = 0 } = options;
  const files = new Map<string, string>();
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) {
      const path = join(entry.parentPath, entry.name);
      files.set(base + relative(root, path).split(sep).join('/'), path);
    }
  files.set(base, join(root, 'index.html'));
  for (const { id, files: paths } of models)
    for (const path of paths) files.set(`${base}models/${id}/${basename(path)}`, path);

  let list: Promise<string> | undefined;
  const index = async (): Promise<string> => {
    const own = join(root, 'models/index.json');
    const shipped: ShippedModel[] = withShipped && existsSync(own) ? JSON.parse(readFileSync(own, 'utf8')).models : [];
    const listed = await Promise.all(
      models.map(async ({ id, title, files: paths }) => ({
        id,
        title,
        files: await Promise.all(
          paths.map(async (path) => ({ name: basename(path), size: statSync(path).size, sha256: await sha256(path) })),
        ),
      })),
    );
    return JSON.stringify({ models: [...shipped, ...listed] });
  };

  const server = createServer(async (request, response) => {
    if (options.first?.(request, response)) return;
    if (request.method !== 'GET' && request.method !== 'HEAD') return end(response, 405);
    let pathname: string;
    try {
      pathname = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    } catch {
      return end(response, 400);
    }
    if (pathname === `${base}models/index.json`) {
      list ??= index();
      const text = await list.catch(() => undefined);
      if (text === undefined) return end(response, 500);
      response.writeHead(200, { ...HEADERS, 'content-type': TYPES['.json'] });
      return void response.end(request.method === 'HEAD' ? undefined : text);
    }
    const file = files.get(pathname);
    if (file === undefined) return end(response, 404);
    send(request, response, file);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, resolve);
  });
  return { server, url: `http://${host}:${(server.address() as AddressInfo).port}${base}` };
}

function end(response: ServerResponse, status: number): void {
  response.writeHead(status, { ...HEADERS, 'content-type': 'text/plain' }).end();
}

/** All of a file, or the range asked for. */
function send(request: IncomingMessage, response: ServerResponse, path: string): void {
  const size = existsSync(path) ? statSync(path).size : -1;
  if (size < 0) {
    end(response, 404);
    return;
  }
  const type = TYPES[extname(path)] ?? 'application/octet-stream';
  const headers = { ...HEADERS, 'content-type': type, 'accept-ranges': 'bytes' };
  const range = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? '');
  let [from, to] = [0, size - 1];
  if (range && (range[1] || range[2])) {
    // Without a first byte, so many from the end.
    from = range[1] ? Number(range[1]) : Math.max(0, size - Number(range[2]));
    if (range[1] && range[2]) to = Math.min(to, Number(range[2]));
    if (from > to) {
      response.writeHead(416, { ...headers, 'content-range': `bytes */${size}` });
      return void response.end();
    }
    response.writeHead(206, {
      ...headers,
      'content-range': `bytes ${from}-${to}/${size}`,
      'content-length': to - from + 1,
    });
  } else response.writeHead(200, { ...headers, 'content-length': size });
  if (request.method === 'HEAD' || size === 0) return void response.end();
  createReadStream(path, { start: from, end: to })
    .on('error', () => response.destroy())
    .pipe(response);
}
