/** The screenshots in docs/: `LACUNA_DOCS=1 npx vitest run test/web/docs.test.ts` makes them anew, with the page's own model. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { describePage, TINY } from './harness.ts';
import { shoot } from './screenshots.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

if (process.env.LACUNA_DOCS) {
  describePage(
    'docs',
    (page) => {
      test('screenshots', { timeout: 1_200_000 }, async () => {
        const p = await page().open();
        await p.locator('.entry').first().waitFor({ timeout: 600_000 });
        p.setDefaultTimeout(600_000);
        await shoot(p, `${root}docs`);
        expect(existsSync(`${root}docs/rank-light.png`)).toBe(true);
      });
    },
    existsSync(`${root}models/pocket`) ? { models: [], shipped: true } : { models: [TINY] },
  );
} else test.skip('screenshots are written to docs/ with LACUNA_DOCS=1 only', () => {});
