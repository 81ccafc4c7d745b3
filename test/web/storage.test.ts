/**
 * What the page keeps, in a browser: through a visit and the next, broken connections, full storage and none, no
 * network. Most of it needs no GPU, so the worker is given none and says so only after the download: compiling a
 * model for SwiftShader would take longer than all the rest.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { GOLDEN } from '../golden/golden.ts';
import { EnginePage, type Tab } from './engine_page.ts';
import { CHROMIUM, TINY } from './harness.ts';

const weights = readFileSync(`${GOLDEN}qwen2-f32/model.safetensors`);

/** Loads a model; its note, or what went wrong. */
const load = (tab: Page, id = 'tiny') =>
  tab.evaluate(async (id) => {
    const { engine, proxy, seen } = window as unknown as Tab;
    const kind = id.includes('/') ? ('hub' as const) : ('entry' as const);
    return engine
      .load(
        { kind, id },
        proxy((p) => void seen.push(p)),
      )
      .then(
        ({ title, note }) => ({ title, note, error: '' }),
        (error: Error) => ({ title: '', note: '', error: error.message }),
      );
  }, id);

const storage = (tab: Page) => tab.evaluate(() => (window as unknown as Tab).engine.storage());
const models = (tab: Page) => tab.evaluate(() => (window as unknown as Tab).engine.models());
const ranks = (tab: Page) =>
  tab.evaluate(async () => {
    const { engine, proxy } = window as unknown as Tab;
    await engine.taxonomy(
      [
        { id: 1, name: 'a' },
        { id: 2, name: 'b' },
      ],
      proxy(() => {}),
    );
    return (await engine.rank({ question: '1+1', correct: '2', incorrect: '3' }, 5)).ranked.length;
  });

const json = (response: ServerResponse, value: unknown): true => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  return true;
};

const fromOf = (request: IncomingMessage) => Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);

/** Sends `bytes` of the weights from where the request wants them, and cuts the connection when a busy tab has read them too. */
function cut(request: IncomingMessage, response: ServerResponse, bytes: number): true {
  const from = fromOf(request);
  response.writeHead(from ? 206 : 200, {
    'content-length': weights.length - from,
    ...(from && { 'content-range': `bytes ${from}-${weights.length - 1}/${weights.length}` }),
  });
  response.write(weights.subarray(from, from + bytes), () => setTimeout(() => response.destroy(), 300));
  return true;
}

const NO_GPU = `Object.defineProperty(navigator, 'gpu', { value: undefined });`;
/** How far a load gets without a GPU: everything is there. */
const FETCHED = /this browser has no WebGPU/;

const present = existsSync(CHROMIUM);
if (!present) console.log(`skipped: the page's storage, since ${CHROMIUM} is not installed`);

describe.skipIf(!present)('the page’s storage', () => {
  let page: EnginePage;
  let asked: string[] = [];
  /** Answers requests for the weights, where it does. */
  let weightsAnswer: EnginePage['first'] = () => false;
  let list: unknown;

  beforeAll(async () => {
    page = await EnginePage.start({ path: '/some/where/' });
    page.first = (request, response) => {
      asked.push(`${request.url} ${request.headers.range ?? ''}`.trim());
      if (list && request.url?.endsWith('models/index.json')) return json(response, list);
      return !!request.url?.endsWith('/model.safetensors') && weightsAnswer(request, response);
    };
  });
  afterAll(() => page?.close());

  const forWeights = () => asked.filter((line) => line.includes('/model.safetensors'));
  /** A tab whose worker runs `prefix` first, after what was asked before is forgotten. */
  const open = async (prefix = NO_GPU) => {
    asked = [];
    weightsAnswer = () => false;
    list = undefined;
    return page.open(prefix);
  };
  const remove = (tab: Page, id = 'tiny') =>
    tab.evaluate((id) => (window as unknown as Tab).engine.deleteModel(id), id);

  test('a download that breaks goes on where it broke, also on the next visit; then it is kept until deleted', async () => {
    const tab = await open();
    let breaks = 0;
    weightsAnswer = (request, response) => cut(request, response, breaks++ < 2 ? 50_000 : 0);
    expect((await load(tab)).error).toMatch(
      /model\.safetensors: the download broke off at 100000 of \d+ bytes .*load the model again to go on/,
    );
    const starts = forWeights().map((line) => Number(/bytes=(\d+)-$/.exec(line)?.[1] ?? 0));
    expect(starts.slice(0, 3)).toEqual([0, 50_000, 100_000]);
    expect((await storage(tab)).models).toMatchObject([{ id: 'tiny', complete: false }]);
    expect((await models(tab))[0]).toMatchObject({ id: 'tiny', where: 'shipped' });
    await tab.close();

    const next = await open();
    expect((await load(next)).error).toMatch(FETCHED);
    expect(forWeights()).toEqual(['/some/where/models/tiny/model.safetensors bytes=100000-']);
    expect((await models(next))[0]).toMatchObject({ id: 'tiny', where: 'stored' });
    expect((await storage(next)).models[0].bytes).toBeGreaterThan(weights.length);
    await next.close();

    const last = await open();
    expect((await load(last)).error).toMatch(FETCHED);
    expect(forWeights()).toEqual([]);
    await remove(last);
    expect((await storage(last)).models).toEqual([]);
    await last.close();
  });

  test('bytes with another checksum are refused and not kept', async () => {
    const tab = await open();
    weightsAnswer = (_, response) => {
      const wrong = Buffer.from(weights);
      wrong[wrong.length - 1] ^= 1;
      response.writeHead(200).end(wrong);
      return true;
    };
    expect((await load(tab)).error).toMatch(/model\.safetensors: .*checksum differs.*nothing was kept/);
    const [left] = (await storage(tab)).models;
    expect(left.complete).toBe(false);
    expect(left.bytes).toBeLessThan(weights.length);
    await remove(tab);
    await tab.close();
  });

  test('cancelling a download ends it at once, with what came kept', async () => {
    const tab = await open();
    weightsAnswer = (_, response) => {
      response.writeHead(200, { 'content-length': weights.length });
      response.write(weights.subarray(0, 30_000));
      setTimeout(() => response.write(weights.subarray(30_000, 40_000)), 300);
      return true;
    };
    const loading = load(tab);
    await tab.waitForFunction(() =>
      (window as unknown as Tab).seen.some((p) => (p as { done: number }).done >= 40_000),
    );
    await tab.evaluate(() => (window as unknown as Tab).engine.cancel());
    expect((await loading).error).toBe('cancelled');
    expect((await storage(tab)).models).toMatchObject([{ id: 'tiny', complete: false }]);
    await remove(tab);
    await tab.close();
  });

  test('without any storage all goes on, and the page is told', async () => {
    const tab = await open(`
      StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('no', 'SecurityError'));
      indexedDB.open = () => { throw new DOMException('no', 'SecurityError'); };
    `);
    expect((await load(tab)).note).toMatch(/keeps nothing/);
    expect(await ranks(tab)).toBe(2);
    const report = await storage(tab);
    expect(report.available).toBe(false);
    await tab.close();
  });

  test('IndexedDB stands in for the private file system', async () => {
    const prefix = `${NO_GPU} StorageManager.prototype.getDirectory = () => Promise.reject(new Error('no'));`;
    const tab = await open(prefix);
    let breaks = 1;
    weightsAnswer = (request, response) => breaks-- > 0 && cut(request, response, 50_000);
    expect((await load(tab)).error).toMatch(FETCHED);
    expect(await storage(tab)).toMatchObject({ available: true, models: [{ id: 'tiny', complete: true }] });
    await tab.close();
    const again = await open(prefix);
    expect((await load(again)).error).toMatch(FETCHED);
    expect(forWeights()).toEqual([]);
    await remove(again);
    expect((await storage(again)).models).toEqual([]);
    await again.close();
  });

  test('where storage is full the model is held in memory', async () => {
    const tab = await open(`{
      ${NO_GPU}
      const create = FileSystemFileHandle.prototype.createSyncAccessHandle;
      FileSystemFileHandle.prototype.createSyncAccessHandle = async function () {
        const handle = await create.call(this);
        const write = handle.write.bind(handle);
        handle.write = (bytes, options) => {
          if (options.at + bytes.length > 100_000) throw new DOMException('full', 'QuotaExceededError');
          return write(bytes, options);
        };
        return handle;
      };
    }`);
    expect((await load(tab)).error).toMatch(FETCHED);
    // Once into storage as far as it goes, then into memory.
    expect(forWeights()).toHaveLength(2);
    expect((await storage(tab)).models).toEqual([]);
    await tab.close();
  });

  test('a model too large for this GPU is refused by its header, before the download', async () => {
    const tab = await open('');
    const config = JSON.parse(readFileSync(`${GOLDEN}qwen2-f32/config.json`, 'utf8'));
    const [C, F] = [1024, 2 ** 18];
    Object.assign(config, { hidden_size: C, intermediate_size: F, num_hidden_layers: 1, vocab_size: 1000 });
    Object.assign(config, { num_attention_heads: 16, num_key_value_heads: 16 });
    const layer = 'model.layers.0.';
    const linears: [string, number, number][] = [
      ...['q', 'k', 'v', 'o'].map((p): [string, number, number] => [`self_attn.${p}_proj`, C, C]),
      ['mlp.gate_proj', F, C],
      ['mlp.up_proj', F, C],
      ['mlp.down_proj', C, F],
    ];
    const shapes: [string, number[]][] = [
      ['model.embed_tokens.weight', [1000, C]],
      ['model.norm.weight', [C]],
      [`${layer}input_layernorm.weight`, [C]],
      [`${layer}post_attention_layernorm.weight`, [C]],
      ...linears.map(([name, N, K]): [string, number[]] => [`${layer}${name}.weight`, [N, K]]),
      ...['q', 'k', 'v'].map((p): [string, number[]] => [`${layer}self_attn.${p}_proj.bias`, [C]]),
    ];
    let at = 0;
    const header: Record<string, unknown> = {};
    for (const [name, shape] of shapes) {
      const bytes = 4 * shape.reduce((a, b) => a * b, 1);
      header[name] = { dtype: 'F32', shape, data_offsets: [at, at + bytes] };
      at += bytes;
    }
    const text = Buffer.from(JSON.stringify(header));
    const head = Buffer.concat([Buffer.alloc(8), text]);
    head.writeBigUInt64LE(BigInt(text.length));
    const size = head.length + at;
    const settings = Buffer.from(JSON.stringify(config));
    const sha256 = '0'.repeat(64);
    list = {
      models: [
        {
          id: 'huge',
          title: 'Huge',
          files: [
            { name: 'config.json', size: settings.length, sha256 },
            { name: 'model.safetensors', size, sha256 },
            { name: 'tokenizer.json', size: 10, sha256 },
          ],
        },
      ],
    };
    const before = page.first;
    let sent = 0;
    page.first = (request, response) => {
      if (request.url?.endsWith('huge/config.json')) {
        response.writeHead(200).end(settings);
        return true;
      }
      if (request.url?.endsWith('huge/tokenizer.json')) {
        response.writeHead(200).end('{"a":"b"}\n');
        return true;
      }
      if (!request.url?.endsWith('huge/model.safetensors')) return before(request, response);
      const from = fromOf(request);
      response.writeHead(from ? 206 : 200, {
        'content-length': size - from,
        ...(from && { 'content-range': `bytes ${from}-${size - 1}/${size}` }),
      });
      const part = head.subarray(from);
      sent += part.length;
      // No more than the header: a reader that wants more waits in vain.
      response.write(part);
      return true;
    };
    const { error } = await load(tab, 'huge');
    page.first = before;
    expect(error).toMatch(/Huge: too large for this GPU: one text of 288 tokens needs more than the 134217728 bytes/);
    expect(sent).toBeLessThan(4 * head.length);
    expect((await models(tab))[0].refused).toMatch(/too large/);
    expect((await storage(tab)).models).toEqual([]);
    await tab.close();
  });

  test('a repository of the hub is listed, fetched, checked and kept', async () => {
    const tab = await open();
    const git = (bytes: Uint8Array) => createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');
    const contents = new Map(TINY.files.map((path) => [path.replace(/^.*\//, ''), readFileSync(path)] as const));
    const entries = [...contents].map(([path, bytes]) => ({
      type: 'file',
      path,
      size: bytes.length,
      oid: git(bytes),
      ...(path.endsWith('.safetensors') && {
        lfs: { oid: createHash('sha256').update(bytes).digest('hex'), size: bytes.length, pointerSize: 130 },
      }),
    }));
    const hub: string[] = [];
    await page.context.route('https://huggingface.co/**', async (route) => {
      const { pathname } = new URL(route.request().url());
      hub.push(pathname);
      const cors = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' };
      if (route.request().method() === 'OPTIONS')
        return route.fulfill({ status: 204, headers: { ...cors, 'access-control-allow-headers': '*' } });
      if (pathname === '/api/models/owner/tiny/tree/main') return route.fulfill({ json: entries, headers: cors });
      const file = /^\/owner\/tiny\/resolve\/main\/(.+)$/.exec(pathname);
      const bytes = file && contents.get(file[1]);
      if (!bytes) return route.fulfill({ status: 404, headers: { ...cors, 'x-error-code': 'RepoNotFound' } });
      const range = /^bytes=(\d+)-(\d*)$/.exec(route.request().headers().range ?? '');
      const from = Number(range?.[1] ?? 0);
      const body = bytes.subarray(from, range?.[2] ? Number(range[2]) + 1 : undefined);
      return route.fulfill({
        status: range ? 206 : 200,
        body,
        headers: {
          ...cors,
          etag: '"x"',
          ...(range && { 'content-range': `bytes ${from}-${from + body.length - 1}/${bytes.length}` }),
        },
      });
    });
    expect((await load(tab, 'owner/tiny')).error).toMatch(FETCHED);
    expect(hub.length).toBeGreaterThan(4);
    expect(await models(tab)).toContainEqual(expect.objectContaining({ id: 'owner/tiny', where: 'stored' }));
    hub.length = 0;
    expect((await load(tab, 'owner/tiny')).error).toMatch(FETCHED);
    expect(hub).toEqual([]);
    expect((await load(tab, 'owner/none')).error).toMatch(/owner\/none: .*\(404\)/);
    expect((await load(tab, 'not a/name')).error).toMatch(/not a model's name/);
    await page.context.unroute('https://huggingface.co/**');
    await tab.close();
  });

  test('without a network the page and what was stored are there', async () => {
    const tab = await open();
    await load(tab);
    await tab.evaluate(async () => {
      await navigator.serviceWorker.register('sw.js');
      await navigator.serviceWorker.ready;
    });
    await tab.waitForFunction(() => navigator.serviceWorker.controller !== null);
    page.first = (request) => {
      request.socket.destroy();
      return true;
    };
    const answers = (path: string) =>
      tab.evaluate(
        (path) =>
          fetch(path).then(
            (r) => r.text(),
            () => 'nothing',
          ),
        path,
      );
    expect(await answers('./')).toContain('<title>');
    expect(await answers('index.html?x=1')).toContain('<title>');
    expect(JSON.parse(await answers('models/index.json')).models[0].id).toBe('tiny');
    // Neither models nor what is beyond the page are answered from what is kept.
    expect(await answers('models/tiny/config.json')).toBe('nothing');
    expect(await answers('/index.html')).toBe('nothing');
    expect((await models(tab))[0]).toMatchObject({ id: 'tiny', where: 'stored' });
    expect((await load(tab)).error).toMatch(FETCHED);
    await tab.close();
  });
});
