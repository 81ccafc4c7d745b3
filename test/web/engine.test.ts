/** The page's engine in Chromium on SwiftShader, asked directly: what it computes is what the command line computes. */
import { existsSync, readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { queryText } from '../../src/data/prompt.ts';
import type { Gpu } from '../../src/gpu/gpu.ts';
import { openEmbedder } from '../../src/model/open.ts';
import { Ranker } from '../../src/retrieve/ranker.ts';
import type { LoadedModel, Progress } from '../../web/worker/api.ts';
import { GOLDEN } from '../golden/golden.ts';
import { openTestGpu } from '../gpus.ts';
import { EnginePage, type Tab } from './engine_page.ts';
import { CHROMIUM } from './harness.ts';

const NAMES = [
  'Adds the numerators and the denominators when adding fractions',
  'Believes that multiplying always makes larger',
  'Rounds down whatever the next digit is',
  'Reads a bar’s height as its frequency',
  'Subtracts the smaller digit from the larger in each column',
];
const ROWS = NAMES.map((name, i) => ({ id: 10 * i, name }));
const QUESTION = { question: 'What is \\( \\frac{1}{2} + \\frac{1}{3} \\)?', correct: '5/6', incorrect: '2/5' };

/** What the command line makes of the same: unit vectors of all names and the question, and the question's ranking. */
async function onNode(gpu: Gpu, adapter?: string) {
  const embedder = await openEmbedder(gpu, `${GOLDEN}qwen2-f32`, { adapter });
  const names = await embedder.embed(NAMES);
  const query = await embedder.embed([queryText(QUESTION)]);
  const ranker = await Ranker.create(gpu, names, embedder.dimensions, NAMES.length);
  const [{ indices, scores }] = await ranker.rank(query);
  const ranked = Array.from(indices, (row, i) => ({ ...ROWS[row], score: scores[i] }));
  return { names, d: embedder.dimensions, ranked };
}

/** Rows of the vectors that the engine keeps for the model loaded last, by the text's SHA-256. */
const storedVectors = (tab: Page): Promise<Record<string, number[]>> =>
  tab.evaluate(async () => {
    const folder = (await (await navigator.storage.getDirectory()).getDirectoryHandle('lacuna')) as unknown as {
      values(): AsyncIterable<FileSystemFileHandle>;
    };
    const out: Record<string, number[]> = {};
    let newest = 0;
    for await (const handle of folder.values()) {
      if (!handle.name.startsWith('vectors ')) continue;
      const file = await handle.getFile();
      if (file.lastModified < newest) continue;
      newest = file.lastModified;
      const bytes = new Uint8Array(await file.arrayBuffer());
      for (let at = 0; at < bytes.length; at += 32 + 64 * 4) {
        const key = Array.from(bytes.subarray(at, at + 32), (b) => b.toString(16).padStart(2, '0')).join('');
        out[key] = [...new Float32Array(bytes.slice(at + 32, at + 32 + 64 * 4).buffer)];
      }
    }
    return out;
  });

const sha256 = async (text: string): Promise<string> =>
  Buffer.from(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))).toString('hex');

/** The least cosine between what was stored in the browser and what Node computed. */
async function leastCosine(tab: Page, { names, d }: { names: Float32Array; d: number }): Promise<number> {
  const stored = await storedVectors(tab);
  let least = 1;
  for (const [i, name] of NAMES.entries()) {
    const vector = stored[await sha256(name)];
    expect(vector).toBeDefined();
    least = Math.min(
      least,
      vector.reduce((sum, x, c) => sum + x * names[i * d + c], 0),
    );
  }
  return least;
}

const load = (tab: Page, id = 'tiny'): Promise<LoadedModel> =>
  tab.evaluate((id) => {
    const { engine, proxy } = window as unknown as Tab;
    return engine.load(
      { kind: 'entry', id },
      proxy(() => {}),
    );
  }, id);

const setTaxonomy = (tab: Page, rows = ROWS) =>
  tab.evaluate((rows) => {
    const { engine, proxy } = window as unknown as Tab;
    return engine.taxonomy(
      rows,
      proxy(() => {}),
    );
  }, rows);

const rank = (tab: Page, top = 25) =>
  tab.evaluate(([question, top]) => (window as unknown as Tab).engine.rank(question, top), [QUESTION, top] as const);

/** Files of the repository as a visitor drops them. */
const dropped = (folder: string, names: string[]) =>
  names.map((name) => ({ name, base64: readFileSync(`${GOLDEN}${folder}/${name}`).toString('base64') }));
type Dropped = ReturnType<typeof dropped>;

const loadFiles = (tab: Page, files: Dropped): Promise<LoadedModel> =>
  tab.evaluate((files) => {
    const { engine, proxy } = window as unknown as Tab;
    const made = files.map(
      ({ name, base64 }) =>
        new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name, { lastModified: 1 }),
    );
    return engine.load(
      { kind: 'files', files: made },
      proxy(() => {}),
    );
  }, files);

const setAdapter = (tab: Page, files: Dropped): Promise<LoadedModel> =>
  tab.evaluate((files) => {
    const { engine, proxy } = window as unknown as Tab;
    const made = files.map(
      ({ name, base64 }) => new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], name),
    );
    return engine.adapter(
      made,
      proxy(() => {}),
    );
  }, files);

/** Before the worker's own code: a message to it destroys its devices, as a driver's crash does. */
const LOSABLE = `{
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (...args) {
    const device = await request.apply(this, args);
    addEventListener('message', (event) => { if (event.data === 'lose the GPU') device.destroy(); });
    return device;
  };
}`;

const present = existsSync(CHROMIUM);
if (!present) console.log(`skipped: the page's engine, since ${CHROMIUM} is not installed`);

describe.skipIf(!present)('the page’s engine', () => {
  let page: EnginePage;
  let tab: Page;
  let gpu: Gpu;

  beforeAll(async () => {
    page = await EnginePage.start();
    tab = await page.open(LOSABLE);
    gpu = await openTestGpu({
      name: 'lavapipe portable',
      tier: 'portable',
      icd: '/usr/share/vulkan/icd.d/lvp_icd.json',
      width: 128,
    });
  });
  afterAll(async () => {
    await page?.close();
    gpu?.close();
  });

  test('SwiftShader is the portable tier, and the report says why', async () => {
    const report = await tab.evaluate(() => (window as unknown as Tab).engine.gpu());
    expect(report.problem).toBeUndefined();
    expect(report.tier).toBe('portable');
    expect(report.software).toBe(true);
    expect(report.name).toMatch(/swiftshader/i);
    expect(report.features).not.toContain('shader-f16');
    expect(report.reasons.join(' ')).toMatch(/shader-f16: missing/);
    expect(report.limits.find(({ name }) => name === 'maxStorageBufferBindingSize')?.value).toBe(2 ** 27);
  });

  test('lists the shipped model first, as the default', async () => {
    const models = await tab.evaluate(() => (window as unknown as Tab).engine.models());
    expect(models[0]).toMatchObject({ id: 'tiny', where: 'shipped' });
    expect(models.find(({ where }) => where === 'hub')?.id).toBe('smollm2-135m');
  });

  test('embeds and ranks as the command line does', async () => {
    expect(await setTaxonomy(tab)).toEqual({ embedded: 0, reused: 0 });
    const loaded = await load(tab);
    expect(loaded).toMatchObject({ id: 'tiny', title: 'Tiny' });
    expect(loaded.parameters).toBeGreaterThan(100_000);
    const expected = await onNode(gpu);
    expect(await leastCosine(tab, expected)).toBeGreaterThan(0.9999);
    const { ranked, ms } = await rank(tab);
    expect(ranked.map(({ id }) => id)).toEqual(expected.ranked.map(({ id }) => id));
    ranked.forEach(({ score, name }, i) => {
      expect(Math.abs(score - expected.ranked[i].score)).toBeLessThan(1e-4);
      expect(name).toBe(expected.ranked[i].name);
    });
    expect(ms).toBeGreaterThan(0);
    expect((await rank(tab, 2)).ranked).toEqual(ranked.slice(0, 2));
  });

  test('embeds only names that are new, and none on the next visit', async () => {
    const changed = [...ROWS.slice(1), { id: 99, name: 'Divides instead of multiplying' }];
    expect(await setTaxonomy(tab, changed)).toEqual({ embedded: 1, reused: 4 });
    expect((await rank(tab)).ranked.map(({ id }) => id)).toContain(99);
    const again = await page.open();
    await load(again);
    expect(await setTaxonomy(again, changed)).toEqual({ embedded: 0, reused: 5 });
    await again.evaluate(() => (window as unknown as Tab).engine.clearVectors());
    expect(await setTaxonomy(again, changed)).toEqual({ embedded: 5, reused: 0 });
    expect(await setTaxonomy(again, [])).toEqual({ embedded: 0, reused: 0 });
    expect((await rank(again)).ranked).toEqual([]);
    await again.close();
  });

  test('puts an adapter on and takes it off', async () => {
    await setTaxonomy(tab);
    const plain = (await rank(tab)).ranked;
    const files = dropped('qwen2-f32/adapters/r4', ['adapter_config.json', 'adapter_model.safetensors']);
    expect((await setAdapter(tab, files)).adapter).toBe('adapter_model.safetensors');
    const expected = await onNode(gpu, `${GOLDEN}qwen2-f32/adapters/r4`);
    const { ranked } = await rank(tab);
    expect(ranked.map(({ id }) => id)).toEqual(expected.ranked.map(({ id }) => id));
    expect(Math.abs(ranked[0].score - expected.ranked[0].score)).toBeLessThan(1e-4);
    expect(await leastCosine(tab, expected)).toBeGreaterThan(0.9999);
    expect(ranked[0].score).not.toBe(plain[0].score);
    expect((await setAdapter(tab, [])).adapter).toBeUndefined();
    expect((await rank(tab)).ranked).toEqual(plain);
  });

  test('a wrong adapter is refused in a line, and what was loaded goes on', async () => {
    const before = (await rank(tab)).ranked;
    const files = dropped('llama-f32/adapters/r4', ['adapter_config.json', 'adapter_model.safetensors']);
    const line = await setAdapter(tab, files).catch((error: Error) => error.message);
    expect(line).toMatch(/adapter/);
    expect((await rank(tab)).ranked).toEqual(before);
  });

  test('loads files dropped from disk: GGUF, and a folder with its adapter', async () => {
    const other = await page.open();
    const gguf = await loadFiles(other, dropped('gguf-q8_0', ['model.gguf']));
    expect(gguf.title).toBe('model');
    await setTaxonomy(other);
    expect((await rank(other)).ranked).toHaveLength(5);
    const both = await loadFiles(other, [
      ...dropped('qwen2-f32', ['config.json', 'tokenizer.json', 'model.safetensors']),
      ...dropped('qwen2-f32/adapters/r4', ['adapter_config.json', 'adapter_model.safetensors']),
    ]);
    expect(both.adapter).toBeDefined();
    const stored = await other.evaluate(() => (window as unknown as Tab).engine.storage());
    expect(stored.models.find(({ id }) => id === both.id)).toMatchObject({ title: 'model', complete: true });
    const line = await loadFiles(other, dropped('qwen2-f32', ['config.json'])).catch((error: Error) => error.message);
    expect(line).toMatch(/no model among them/);
    expect((await rank(other)).ranked).toHaveLength(5);
    await other.close();
  });

  test('ranks a class with progress, and stops when told', async () => {
    const run = (pupils: number, cancelAfter: number) =>
      tab.evaluate(
        async ([pupils, cancelAfter]) => {
          const { engine, proxy } = window as unknown as Tab;
          const rows: unknown[] = [];
          const progress: Progress[] = [];
          const lines = Array.from(
            { length: pupils },
            (_, i) => `Ann${i},What is ${i} + 1?,${i + 1},${i === 3 ? 4 : i}`,
          );
          const csv = new File([`pupil,question,correct,answer\n${lines.join('\n')}\n`], 'class.csv');
          const error = await engine
            .rankClass(
              csv,
              3,
              proxy((p) => void progress.push(p)),
              proxy((more) => {
                rows.push(...more);
                if (rows.length >= cancelAfter) engine.cancel();
              }),
            )
            .then(
              () => '',
              (e) => e.message,
            );
          return { rows: rows as import('../../web/worker/api.ts').ClassRow[], progress, error };
        },
        [pupils, cancelAfter] as const,
      );
    const whole = await run(12, 1000);
    expect(whole.error).toBe('');
    // The fourth pupil is right.
    expect(whole.rows).toHaveLength(11);
    expect(whole.rows[3]).toMatchObject({ line: 6, label: 'Ann4' });
    expect(whole.rows.every(({ ranked }) => ranked.length === 3)).toBe(true);
    expect(whole.progress.at(-1)).toMatchObject({ done: 11, total: 11, unit: 'questions' });
    // Many slices, so that the call to cancel comes before the last however busy the machine is.
    const cut = await run(600, 1);
    expect(cut.error).toBe('cancelled');
    expect(cut.rows.length).toBeLessThan(599);
    expect((await rank(tab)).ranked).toHaveLength(5);
  });

  test('runs the kernels’ own benchmarks, with the WGSL that ran', async () => {
    const measured = await tab.evaluate(async () => {
      const { engine, proxy } = window as unknown as Tab;
      const kernels = await engine.benchKernels();
      const rows: import('../../web/worker/api.ts').BenchRow[] = [];
      const ceilings = await engine.bench(
        ['rms_norm'],
        proxy(() => {}),
        proxy((row) => void rows.push(row)),
      );
      return { kernels, rows, ceilings };
    });
    expect(measured.kernels.length).toBeGreaterThan(10);
    expect(measured.ceilings.copyGBs).toBeGreaterThan(0.1);
    expect(measured.ceilings.tflops).toBeGreaterThan(0.0001);
    const [row] = measured.rows;
    expect(row.problem).toBeUndefined();
    expect(row).toMatchObject({ kernel: 'rms_norm', bound: 'memory', clock: 'gpu' });
    expect(row.error).toBeLessThanOrEqual(1);
    expect(row.ms).toBeGreaterThan(0);
    expect(row.share).toBeGreaterThan(0);
    expect(row.wgsl[0]).toContain('@compute');
    expect(row.forms).toHaveLength(row.wgsl.length);
  });

  test('without timestamps the host’s clock times, and the row says so', async () => {
    const blind = await page.open(`{
      const has = GPUSupportedFeatures.prototype.has;
      GPUSupportedFeatures.prototype.has = function (name) { return name !== 'timestamp-query' && has.call(this, name); };
    }`);
    const rows = await blind.evaluate(async () => {
      const { engine, proxy } = window as unknown as Tab;
      const rows: import('../../web/worker/api.ts').BenchRow[] = [];
      await engine.bench(
        ['top_k'],
        proxy(() => {}),
        proxy((row) => void rows.push(row)),
      );
      return rows;
    });
    expect(rows[0]).toMatchObject({ clock: 'host' });
    expect(rows[0].ms).toBeGreaterThan(0);
    await blind.close();
  });

  test('a lost GPU comes back with its model', async () => {
    const before = (await rank(tab)).ranked;
    const told = await tab.evaluate(async () => {
      const { engine, proxy } = window as unknown as Tab;
      const states: string[] = [];
      const back = new Promise<void>((resolve) => {
        engine.onGpu(
          proxy((state) => {
            states.push(state);
            if (state === 'restored') resolve();
          }),
        );
      });
      await engine.storage();
      // The worker's channel is comlink's, which passes over what is not its own.
      (window as unknown as { worker: Worker }).worker.postMessage('lose the GPU');
      await back;
      return states;
    });
    expect(told).toEqual(['lost', 'restored']);
    expect((await rank(tab)).ranked).toEqual(before);
  });

  test('without WebGPU the report says which browsers have it', async () => {
    const bare = await page.open(`Object.defineProperty(navigator, 'gpu', { value: undefined });`);
    const report = await bare.evaluate(() => (window as unknown as Tab).engine.gpu());
    expect(report.problem).toMatch(/no WebGPU/);
    await bare.close();
  });
});
