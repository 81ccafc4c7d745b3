/**
 * A real model in the browser, on its slowest GPU: SmolLM2 in Chromium on SwiftShader ranks the sample's taxonomy.
 * Takes many minutes, so it runs when LACUNA_SLOW is set (results/page.md has what it said).
 */
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { expect, test } from 'vitest';
import { parseTaxonomy } from '../../src/data/taxonomy.ts';
import type { Progress } from '../../web/worker/api.ts';
import { EnginePage, type Tab } from './engine_page.ts';
import { CHROMIUM, cachedModels } from './harness.ts';

const model = cachedModels().find(({ id }) => id === 'smollm2-135m');
const why = !process.env.LACUNA_SLOW
  ? 'LACUNA_SLOW is not set'
  : !existsSync(CHROMIUM)
    ? `${CHROMIUM} is not installed`
    : !model && 'smollm2-135m is not in the cache';
if (why) console.log(`skipped: SmolLM2 in Chromium, since ${why}`);

test.skipIf(why)('SmolLM2 in Chromium on SwiftShader', { timeout: 3_600_000 }, async () => {
  const file = 'data/sample/misconception_mapping.csv';
  const { ids, names } = parseTaxonomy(readFileSync(file, 'utf8'), file);
  const rows = ids.map((id, i) => ({ id, name: names[i] }));
  const page = await EnginePage.start({ models: [model!] });
  try {
    const tab = await page.open();
    tab.on('console', (message) => console.log(message.text()));
    const measured = await tab.evaluate(async (rows) => {
      const { engine, proxy } = window as unknown as Tab;
      const said = new Map<string, number>();
      const say = (p: Progress) => {
        if (performance.now() - (said.get(p.what) ?? 0) < 15_000 && p.done !== p.total) return;
        said.set(p.what, performance.now());
        console.log(`${p.what}: ${p.done} of ${p.total} ${p.unit}, ${p.left.toFixed(0)} s left`);
      };
      const report = await engine.gpu();
      const loaded = await engine.load({ kind: 'entry', id: 'smollm2-135m' }, proxy(say));
      const began = performance.now();
      await engine.taxonomy(rows, proxy(say));
      const embedding = (performance.now() - began) / 1000;
      const question = {
        question: 'Work out \\( \\frac{2}{3} + \\frac{1}{4} \\).',
        correct: '11/12',
        incorrect: '3/7',
      };
      const first = await engine.rank(question, 5);
      const second = await engine.rank(question, 5);
      return { report, loaded, embedding, ms: [first.ms, second.ms], ranked: second.ranked };
    }, rows);
    const { report, loaded, embedding, ms, ranked } = measured;
    console.log(
      `${report.name}, tier ${report.tier}, ${cpus().length} cores: loaded ${loaded.seconds.toFixed(1)} s, ${rows.length} misconceptions ${embedding.toFixed(1)} s, a question ${ms.map((m) => `${(m / 1000).toFixed(2)} s`).join(', then ')}`,
    );
    for (const { id, name, score } of ranked) console.log(`${score.toFixed(4)} ${name} (${id})`);
    expect(ranked).toHaveLength(5);
  } finally {
    await page.close();
  }
});
