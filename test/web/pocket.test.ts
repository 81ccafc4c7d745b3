/** A stranger's first visit: the page with the model that ships, in Chromium on SwiftShader, puts a known misconception first. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parseTaxonomy } from '../../src/data/taxonomy.ts';
import { describePage } from './harness.ts';

describePage(
  'the pocket model in the page',
  (page) => {
    test('ranks the first example of a first visit, the right one first', { timeout: 400_000 }, async () => {
      const file = fileURLToPath(new URL('../../data/sample/misconception_mapping.csv', import.meta.url));
      const { ids, names } = parseTaxonomy(readFileSync(file, 'utf8'), file);
      const p = await page().open();
      const began = performance.now();
      const first = p.locator('.entry').first();
      await first.waitFor({ timeout: 300_000 });
      console.log(`first ranking ${((performance.now() - began) / 1000).toFixed(1)} s after the visit began`);
      expect(await first.textContent()).toContain(names[ids.indexOf(61)]);
      expect(page().errors).toEqual([]);
      await p.close();
    });
  },
  { models: [], shipped: true },
);
