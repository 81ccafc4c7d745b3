/** The page in a browser without WebGPU: it says so, says where to go, and everything else still works. */
import { expect, test } from 'vitest';
import { describePage } from './harness.ts';
import { go, SOON, VIEWS } from './visitor.ts';

describePage(
  'without WebGPU',
  (page) => {
    test('every view says why nothing is computed, and one which browsers can', async () => {
      const p = await page().open();
      await p.getByText('Ranking needs WebGPU').waitFor(SOON);
      expect(await p.locator('.status').textContent()).toBe('No WebGPU');
      for (const view of VIEWS) {
        await go(p, view);
        expect(await p.locator('.banners .notice').count()).toBe(1);
      }
      await p.getByRole('link', { name: 'Which browsers can run this page' }).click();
      await p.locator('.view-gpu').waitFor();
      const browsers = (await p.locator('.browsers tbody th').allTextContents()).join();
      for (const name of ['Chrome', 'Edge', 'Safari', 'Firefox']) expect(browsers).toContain(name);
      await go(p, 'taxonomy');
      expect(await p.locator('.figure').textContent()).toBe('299');
      expect(page().errors).toEqual([]);
    });
  },
  // The last of a switch counts: no adapter is left.
  {
    flags: [
      '--use-webgpu-adapter=default',
      '--disable-features=Vulkan',
      '--disable-software-rasterizer',
      '--disable-gpu',
    ],
  },
);
