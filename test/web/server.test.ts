/** The server of `make web`, and what is built: ranges, nothing from outside the page, and no more bytes than promised. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { modelsIn, serve } from '../../scripts/static_server.ts';
import { buildPage } from './harness.ts';

describe('serving', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lacuna-serve-'));
  const put = (path: string, text: string) => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  let server: Server;
  let url: string;

  /** As curl --path-as-is: the path is sent as it stands. */
  const get = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
    new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
      const { hostname, port } = new URL(url);
      request({ hostname, port, path, headers, method }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part) => parts.push(part));
        response.on('end', () =>
          resolve({ status: response.statusCode!, headers: response.headers, body: Buffer.concat(parts).toString() }),
        );
      })
        .on('error', reject)
        .end();
    });

  beforeAll(async () => {
    put('secret.txt', 'secret');
    put('page/index.html', '<p>page</p>');
    put('page/assets/main.js', '1');
    put('page/models/index.json', '{"models": []}');
    put('cache/one/model.Q4.gguf', '0123456789');
    put('cache/one/model.Q4.gguf.partial', 'x');
    put('cache/owner/name/config.json', '{}');
    put('cache/owner/name/model.safetensors', 'abc');
    put('cache/two/a.gguf', 'a');
    put('cache/two/b.gguf', 'b');
    ({ server, url } = await serve({
      root: join(folder, 'page'),
      models: modelsIn(join(folder, 'cache')),
      path: '/x/',
    }));
  });
  afterAll(() => {
    server?.close();
    rmSync(folder, { recursive: true });
  });

  test('lists what is cached, with size and checksum', async () => {
    expect(new URL(url).hostname).toBe('127.0.0.1');
    const { status, headers, body } = await get('/x/models/index.json');
    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/json/);
    const { models } = JSON.parse(body);
    expect(models.map((m: { id: string }) => m.id).sort()).toEqual([
      'one',
      'owner--name',
      'two--a.gguf',
      'two--b.gguf',
    ]);
    expect(models.find((m: { id: string }) => m.id === 'one')).toEqual({
      id: 'one',
      title: 'model.Q4',
      files: [
        {
          name: 'model.Q4.gguf',
          size: 10,
          sha256: '84d89877f0d4041efb6bf91a16f0248f2fd573e6af05c19f96bedb9f882f7882',
        },
      ],
    });
  });

  test('serves files with their types, and answers ranges', async () => {
    expect(await get('/x/')).toMatchObject({ status: 200, body: '<p>page</p>' });
    const script = await get('/x/assets/main.js?v=1');
    expect(script.headers['content-type']).toMatch(/^text\/javascript/);
    expect(script.headers['x-content-type-options']).toBe('nosniff');
    expect(script.headers['content-security-policy']).toContain("default-src 'self'");
    const model = '/x/models/one/model.Q4.gguf';
    const ranges: [string, number, string, string | undefined][] = [
      ['bytes=4-', 206, '456789', 'bytes 4-9/10'],
      ['bytes=4-5', 206, '45', 'bytes 4-5/10'],
      ['bytes=4-99', 206, '456789', 'bytes 4-9/10'],
      ['bytes=-3', 206, '789', 'bytes 7-9/10'],
      ['bytes=10-', 416, '', 'bytes */10'],
      ['bytes=5-4', 416, '', 'bytes */10'],
      ['bytes=-', 200, '0123456789', undefined],
      ['lines=1-2', 200, '0123456789', undefined],
    ];
    for (const [range, status, body, says] of ranges) {
      const answer = await get(model, { range });
      expect([range, answer.status, answer.body, answer.headers['content-range']]).toEqual([range, status, body, says]);
    }
    expect(await get(model, {}, 'HEAD')).toMatchObject({ status: 200, body: '' });
    expect((await get(model, {}, 'POST')).status).toBe(405);
  });

  test('gives nothing that is not the page or a model of its list', async () => {
    const paths = [
      '/x/../secret.txt',
      '/x/..%2fsecret.txt',
      '/x/%2e%2e/secret.txt',
      '/x/..\\secret.txt',
      '/x/models/one/../../../secret.txt',
      '/x/models/one/..%2f..%2f..%2fsecret.txt',
      '/x/models/../secret.txt',
      '//etc/passwd',
      '/etc/passwd',
      '/x/models/one/model.Q4.gguf.partial',
      '/x/models/one/',
      '/x/assets',
      '/',
      '/x',
      '/x/%00',
    ];
    for (const path of paths) expect([path, (await get(path)).status]).toEqual([path, 404]);
    expect((await get('/x/%zz')).status).toBe(400);
    // Still there.
    expect((await get('/x/')).status).toBe(200);
  });
});

describe('what is built', () => {
  const gzipped = (path: string) => gzipSync(readFileSync(path), { level: 9 }).length;

  test('loads at most 250 kB compressed before the worker, which stays under it too', async () => {
    const root = await buildPage();
    const html = readFileSync(join(root, 'index.html'), 'utf8');
    const first = [...html.matchAll(/(?:src|href)="\.\/(assets\/[^"]+\.(?:js|css))"/g)].map(([, name]) => name);
    expect(first.length).toBeGreaterThan(1);
    const bytes = [join(root, 'index.html'), ...first.map((name) => join(root, name))].reduce(
      (n, f) => n + gzipped(f),
      0,
    );
    expect(bytes).toBeLessThanOrEqual(250_000);
    const worker = readdirSync(join(root, 'assets')).filter((name) => /^worker-.*\.js$/.test(name));
    expect(worker).toHaveLength(1);
    expect(gzipped(join(root, 'assets', worker[0]))).toBeLessThanOrEqual(250_000);
  });

  test('carries a strict policy and knows all its files offline', async () => {
    const root = await buildPage();
    const html = readFileSync(join(root, 'index.html'), 'utf8');
    const policy = /http-equiv="Content-Security-Policy"\s+content="([^"]+)"/.exec(html)?.[1] ?? '';
    const scripts = /script-src ([^;]+)/.exec(policy)?.[1];
    expect(policy).toMatch(/default-src 'none'/);
    expect(scripts).toBe("'self'");
    expect(policy).not.toMatch(
      /unsafe-eval'|script-src[^;]*unsafe-inline|https?:\/\/(?!\*?\.?(huggingface\.co|hf\.co))/,
    );
    expect(html).not.toMatch(/<script>|<style|\son\w+=/);
    // Every address is relative, so that any folder of any host will do.
    expect(html).not.toMatch(/(src|href)="(\/|https?:)/);
    const worker = readFileSync(join(root, 'sw.js'), 'utf8');
    const kept: string[] = JSON.parse(/FILES = (\[.*\]);/.exec(worker)![1]);
    const scriptsBuilt = readdirSync(join(root, 'assets')).filter((name) => /\.(js|css)$/.test(name));
    for (const name of scriptsBuilt) expect(kept).toContain(`assets/${name}`);
    expect(kept).toContain('index.html');
    expect(worker).toMatch(/VERSION = "?'?[0-9a-f]{16}/);
  });
});
