/**
 * The page as its visitors use it, in Chromium on SwiftShader with a tiny random model: what is ranked is nonsense, that
 * it is ranked, and what happens to it, is not. Screenshots of every view go to a temporary folder.
 */
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Download, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatCsv, parseCsv } from '../../src/data/csv.ts';
import { queryText } from '../../src/data/prompt.ts';
import { parseTaxonomy } from '../../src/data/taxonomy.ts';
import { describePage } from './harness.ts';
import { shoot } from './screenshots.ts';
import { csv, go, ranked, SOON, VIEWS, violations } from './visitor.ts';

function readTaxonomy(): { id: number; name: string }[] {
  const path = fileURLToPath(new URL('../../data/sample/misconception_mapping.csv', import.meta.url));
  const { ids, names } = parseTaxonomy(readFileSync(path, 'utf8'), path);
  return ids.map((id, i) => ({ id, name: names[i] }));
}

async function textOf(download: Download): Promise<string> {
  return readFileSync(await download.path(), 'utf8');
}

describePage('page', (page) => {
  let p: Page;
  beforeAll(async () => {
    p = await page().open();
    // Software on a shared CPU: slow is not broken.
    p.setDefaultTimeout(SOON.timeout);
  });
  afterAll(() => p?.close());

  test('a first visit draws the page and an example at once, with the sample taxonomy', async () => {
    expect(await p.getByRole('tab').allTextContents()).toEqual([
      'Rank',
      'Taxonomy',
      'Class',
      'Model',
      'This GPU',
      'Kernels',
    ]);
    await expect.poll(() => p.getByLabel('Wrong answer').inputValue(), SOON).not.toBe('');
    expect(await p.locator('.question .preview .katex').count()).toBeGreaterThan(0);
    await go(p, 'taxonomy');
    expect(await p.locator('.figure').textContent()).toBe('299');
  });

  test('the next visit finds model and taxonomy as they were left, and ranks', async () => {
    const rows = readTaxonomy().slice(0, 40);
    await p.evaluate(
      (taxonomy) => {
        localStorage.setItem('lacuna.taxonomy', JSON.stringify(taxonomy));
        localStorage.setItem('lacuna.model', JSON.stringify('tiny'));
      },
      { title: 'Numbers', rows, sample: false },
    );
    await p.goto(page().url);
    await p.reload();
    await p.locator('.entry').first().waitFor();
    const entries = await ranked(p);
    expect(entries).toHaveLength(10);
    const scores = entries.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(await p.locator('.entry.first').count()).toBe(1);
    expect(await p.locator('.status').textContent()).toBe('Tiny · portable tier');
    expect(await p.locator('.ranking [role=status]').textContent()).toContain(`First: ${entries[0].name}`);
  });

  test('an example fills the question, typeset, and is ranked', async () => {
    const before = await ranked(p);
    await p.getByRole('button', { name: 'Pick an example' }).click();
    await p.getByLabel('Search the examples').fill('denominators when adding');
    await p.locator('.example-list .choice').first().click();
    expect(await p.getByLabel('Wrong answer').inputValue()).not.toBe('');
    expect(await p.locator('.question .preview .katex').count()).toBeGreaterThan(0);
    await expect.poll(async () => JSON.stringify(await ranked(p)), SOON).not.toBe(JSON.stringify(before));
  });

  test('typing ranks again after a pause, and all four options can be given', async () => {
    const before = await ranked(p);
    await p.getByLabel('Question', { exact: true }).fill('What is \\(3^2\\)?');
    await expect.poll(async () => JSON.stringify(await ranked(p)), SOON).not.toBe(JSON.stringify(before));
    await p.getByLabel('All four options').check();
    const three = await ranked(p);
    await p.getByLabel('Option D').fill('\\(6\\)');
    await p.getByLabel('The pupil’s answer is D').check();
    await expect.poll(async () => JSON.stringify(await ranked(p)), SOON).not.toBe(JSON.stringify(three));
    await p.getByLabel('All four options').uncheck();
    expect(await p.getByLabel('Wrong answer').inputValue()).toBe('\\(6\\)');
  });

  test('text never becomes markup', async () => {
    const hostile =
      '<img src=x onerror="window.hit=1"> \\(\\href{javascript:window.hit=1}{x}\\) \\(\\rule{9in}{9in}\\) \\(\\frac{1\\)';
    await p.getByLabel('Question', { exact: true }).fill(hostile);
    const preview = p.locator('.question .preview').first();
    expect(await preview.textContent()).toContain('<img src=x onerror="window.hit=1">');
    expect(await p.locator('.question :is(img, a)').count()).toBe(0);
    expect(await preview.locator('.tex-error').textContent()).toBe('\\frac{1');
    expect(await p.evaluate(() => 'hit' in window)).toBe(false);
    await p.getByLabel('Question', { exact: true }).fill('What is \\(\\frac{1}{2} + \\frac{1}{3}\\)?');
  });

  test('a misconception that is added moves to its place, only it is read, and deleting it takes it away', async () => {
    const [correct, incorrect] = [await p.getByLabel('Correct answer').inputValue(), '\\(\\frac{2}{5}\\)'];
    await p.getByLabel('Wrong answer').fill(incorrect);
    await p.getByText('Construct and subject').click();
    await p.getByLabel('Construct').fill('');
    await p.getByLabel('Subject').fill('');
    // Whatever the model makes of it, the query's own text has the query's own vector.
    const question = await p.getByLabel('Question', { exact: true }).inputValue();
    const twin = queryText({ question, correct, incorrect });
    await go(p, 'taxonomy');
    await p.getByLabel('Add a misconception').fill(twin);
    await p.getByRole('button', { name: 'Add as number 40' }).click();
    await p.getByText('41 misconceptions · 1 just read').waitFor();
    await go(p, 'rank');
    await expect.poll(async () => (await ranked(p))[0].score, SOON).toBe(1);
    expect((await ranked(p))[0].name).toMatch(/^Instruct: /);
    await go(p, 'taxonomy');
    await p.getByRole('button', { name: 'Delete misconception 40' }).click();
    await p.getByText('40 misconceptions · ready to rank').waitFor();
    await go(p, 'rank');
    await expect.poll(async () => (await ranked(p))[0].score, SOON).toBeLessThan(0.999);
  });

  test('a taxonomy can be searched, edited, replaced by a CSV and restored', async () => {
    await go(p, 'taxonomy');
    await p.getByLabel('Search the misconceptions').fill('prime 1');
    expect(await p.locator('.misconception .name').allTextContents()).toContain('Believes that 1 is a prime number');
    await p.getByRole('button', { name: 'Edit misconception 33' }).click();
    await p.getByLabel('Misconception 33').fill('Counts 1 as a prime number');
    await p.keyboard.press('Enter');
    await p.getByText('Counts 1 as a prime number').waitFor();
    await p.getByLabel('Search the misconceptions').fill('');

    await csv(p, 'Use a taxonomy of your own', 'broken.csv', 'MisconceptionId,MisconceptionName\n1,fine\n2,"broken\n');
    expect(await p.getByRole('alert').textContent()).toContain('broken.csv:3:MisconceptionName: the quote');
    await csv(
      p,
      'Use a taxonomy of your own',
      'mine.csv',
      'MisconceptionId,MisconceptionName\n7,<img src=x onerror=window.hit=1>\n8,\\(\\href{javascript:1}{x}\\)\n',
    );
    await p.getByText('2 misconceptions · ').waitFor();
    expect(await p.locator('.misconception .name').first().textContent()).toBe('<img src=x onerror=window.hit=1>');
    expect(await p.locator('.taxonomy :is(img, a)').count()).toBe(0);
    expect(await p.evaluate(() => 'hit' in window)).toBe(false);
  });

  test('an adapter goes on and comes off; what is wrong with another is said', async () => {
    await go(p, 'model');
    const folder = new URL('../golden/qwen2-f32/adapters/r4/', import.meta.url);
    const files = ['adapter_config.json', 'adapter_model.safetensors'].map((name) => new URL(name, folder).pathname);
    await p.getByLabel('Put an adapter on').setInputFiles(files);
    await p.getByRole('button', { name: /^Take .* off$/ }).click();
    await p.getByRole('button', { name: /^Take .* off$/ }).waitFor({ state: 'detached' });
    expect(await p.locator('.facts dd').last().textContent()).toBe('none');
    await p.getByLabel('Put an adapter on').setInputFiles(files.slice(0, 1));
    expect(await p.getByRole('alert').textContent()).toContain('adapter_model');
    await go(p, 'taxonomy');
    await csv(
      p,
      'Use a taxonomy of your own',
      'numbers.csv',
      formatCsv(
        ['id', 'name'],
        readTaxonomy()
          .slice(0, 40)
          .map(({ id, name }) => [id, name]),
      ),
    );
    await p.getByText('40 misconceptions · ').waitFor();
  });

  test('an answer that is both right and wrong is not ranked, and says so', async () => {
    await go(p, 'rank');
    const wrong = await p.getByLabel('Wrong answer').inputValue();
    await p.getByLabel('Wrong answer').fill(await p.getByLabel('Correct answer').inputValue());
    await p.getByText('there is no error to explain').waitFor();
    expect(await p.locator('.entry').count()).toBe(0);
    await p.getByLabel('Wrong answer').fill(wrong);
    await p.locator('.entry').first().waitFor();
  });

  test('a class: rows, bars that pick rows, a CSV that no spreadsheet runs', async () => {
    await go(p, 'class');
    const rows = Array.from({ length: 5 }, (_, i) => `P${i},What is ${i} + 1?,${i + 1},${i}`);
    const hostile = '=HYPERLINK("https://example.org"),<script>window.hit=1</script>,-1,@SUM(A1)';
    const cells = hostile.split(',').map((cell) => `"${cell.replaceAll('"', '""')}"`);
    await csv(
      p,
      'Choose a CSV of answers',
      'year 9.csv',
      `pupil,question,correct,answer\n${rows.join('\n')}\n${cells}\n`,
    );
    await p.locator('.class-table tbody tr').nth(5).waitFor();
    expect(await p.locator('.class-table tbody tr th').allTextContents()).toEqual([
      'P0',
      'P1',
      'P2',
      'P3',
      'P4',
      '=HYPERLINK("https://example.org")',
    ]);
    expect(await p.evaluate(() => 'hit' in window)).toBe(false);
    const bar = p.locator('.chart-row').first();
    const n = Number.parseInt((await bar.locator('.score').textContent())!, 10);
    await bar.click();
    await expect.poll(() => p.locator('.class-table tbody tr').count(), SOON).toBe(n);

    const [download] = await Promise.all([
      p.waitForEvent('download'),
      p.getByRole('button', { name: 'Download CSV' }).click(),
    ]);
    const table = parseCsv((await textOf(download)).replace(/^\uFEFF/, ''), 'download');
    expect(download.suggestedFilename()).toBe('year 9-misconceptions.csv');
    expect(table.rows).toHaveLength(6);
    const last = table.rows[5].cells;
    expect([last.Pupil, last.WrongAnswer, last.CorrectAnswer]).toEqual([
      `'=HYPERLINK("https://example.org")`,
      "'@SUM(A1)",
      '-1',
    ]);
    expect(Number(last.Cosine1)).toBeGreaterThanOrEqual(Number(last.Cosine2));
  });

  test('a class can be cancelled, keeps what was ranked, and complains by line', async () => {
    const many = Array.from({ length: 900 }, (_, i) => `P${i},What is ${i} + 1?,${i + 1},${i}`);
    await csv(p, 'Choose a CSV of answers', 'many.csv', `pupil,question,correct,answer\n${many.join('\n')}\n`);
    await p.locator('.class-table tbody tr').first().waitFor();
    expect(await p.locator('.progress-text').textContent()).toMatch(/^\d+ of 900 questions/);
    await p.getByRole('button', { name: 'Cancel' }).click();
    await p.getByText('Cancelled: the answers ranked so far').waitFor();
    expect(await p.locator('.class-table tbody tr').count()).toBeLessThan(900);
    await csv(p, 'Choose a CSV of answers', 'no.csv', 'pupil,question\nA,B\n');
    expect(await p.getByRole('alert').textContent()).toContain('no.csv:1:');
  });

  test('this GPU: the portable tier, with its reasons', async () => {
    await go(p, 'gpu');
    expect(await p.locator('.tier-name').textContent()).toBe('portable');
    expect(await p.locator('.reasons li').count()).toBeGreaterThan(0);
    expect(await p.locator('.limits tbody tr').count()).toBeGreaterThan(0);
  });

  test('a kernel is timed, checked, and shown with the WGSL that ran', async () => {
    await go(p, 'kernels');
    await p.getByRole('button', { name: 'None' }).click();
    await p.getByRole('checkbox', { name: 'l2_normalize', exact: true }).check();
    await p.getByRole('button', { name: 'Time 1 shape' }).click();
    await p.getByText('This GPU’s own ceiling').waitFor();
    const row = p.locator('.bench-table tbody tr');
    expect(await row.locator('td').last().textContent()).toMatch(/^yes/);
    expect(await p.locator('.source').textContent()).toContain('@compute');
    const [download] = await Promise.all([
      p.waitForEvent('download'),
      p.getByRole('button', { name: 'Download JSON' }).click(),
    ]);
    const report = JSON.parse(await textOf(download));
    expect(report.rows[0].kernel).toBe('l2_normalize');
    expect(report.ceiling.copyGBs).toBeGreaterThan(0);
  });

  test('tabs go by keyboard, and the skip link leads to the content', async () => {
    await p.locator('#tab-rank').focus();
    await p.keyboard.press('ArrowRight');
    await p.locator('.view-taxonomy').waitFor();
    expect(await p.evaluate(() => document.activeElement?.id)).toBe('tab-taxonomy');
    await p.locator('.skip').focus();
    await p.keyboard.press('Enter');
    await expect.poll(() => p.evaluate(() => document.activeElement?.id), SOON).toBe('panel');
    await expect.poll(() => p.evaluate(() => location.hash), SOON).toBe('#taxonomy');
  });

  test('the skip link keeps the view that was named just before it, though it is not drawn yet', async () => {
    await p.evaluate(() => {
      location.hash = 'gpu';
      location.hash = 'panel';
    });
    await p.locator('.view-gpu').waitFor();
    await expect.poll(() => p.evaluate(() => location.hash), SOON).toBe('#gpu');
  });

  test('the colours follow the system, or the button, which the next visit remembers', async () => {
    const ground = () => p.evaluate(() => getComputedStyle(document.body).backgroundColor);
    await p.emulateMedia({ colorScheme: 'light' });
    const light = await ground();
    await p.emulateMedia({ colorScheme: 'dark' });
    const dark = await ground();
    expect(dark).not.toBe(light);
    await p.getByRole('button', { name: 'Auto colours' }).click();
    expect(await ground()).toBe(light);
    const next = await page().open();
    await next.emulateMedia({ colorScheme: 'dark' });
    expect(await next.getByRole('button', { name: 'Light colours' }).count()).toBe(1);
    await next.close();
    await p.getByRole('button', { name: 'Light colours' }).click();
    await p.getByRole('button', { name: 'Dark colours' }).click();
    await p.emulateMedia({ colorScheme: null });
  });

  test('no view breaks a rule of axe in either scheme, or scrolls sideways on a phone', async () => {
    const found: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      await p.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      for (const view of VIEWS) {
        await go(p, view);
        for (const broken of await violations(p)) found.push(`${view}, ${colorScheme}: ${broken}`);
      }
    }
    expect(found).toEqual([]);
    const size = p.viewportSize()!;
    await p.setViewportSize({ width: 360, height: 740 });
    const wide: string[] = [];
    for (const view of VIEWS) {
      await go(p, view);
      const [content, shown] = await p.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
      if (content > shown) wide.push(`${view}: ${content} > ${shown}`);
    }
    expect(wide).toEqual([]);
    await p.setViewportSize(size);
  });

  test('screenshots', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lacuna-screenshots-'));
    await shoot(p, folder);
    console.log(`screenshots: ${folder}`);
    expect(readdirSync(folder)).toHaveLength(19);
  });

  test('nothing went wrong on the way', () => {
    expect(page().errors).toEqual([]);
  });

  test('without a network, the next visit draws and ranks', async () => {
    await p.evaluate(() => navigator.serviceWorker.ready.then(() => true));
    await page().unplug();
    await p.goto(page().url);
    await p.locator('.entry').first().waitFor();
    expect(await p.locator('.status').textContent()).toBe('Tiny · portable tier');
    await p.getByLabel('Question', { exact: true }).fill('What is \\(5 - 7\\)?');
    await expect.poll(async () => (await ranked(p)).length, SOON).toBe(10);
  });
});
