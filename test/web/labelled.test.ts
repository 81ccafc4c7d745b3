/** Labelled questions in the page, with the model that ships: read, kept, ranked by, left out, taken away. */

import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { beforeAll, expect, test } from 'vitest';
import { examplesFor, rowsBorne } from '../../web/worker/labelled.ts';
import { describePage } from './harness.ts';
import { csv, go, ranked, SOON, violations } from './visitor.ts';

const HEAD =
  'QuestionId,ConstructName,SubjectName,CorrectAnswer,QuestionText,AnswerAText,AnswerBText,AnswerCText,AnswerDText,' +
  'MisconceptionAId,MisconceptionBId,MisconceptionCId,MisconceptionDId';
const file = (...rows: string[]) => [HEAD, ...rows, ''].join('\n');

/** As what a visit begins with, 2/3 + 1/4 and 3/7, but for the numbers; labelled with a name that stands tenth without it. */
const ALIKE =
  '7,Add fractions with different denominators,Adding and Subtracting Fractions,A,' +
  'Work out \\(\\dfrac{3}{5} + \\dfrac{1}{4}\\).,\\(\\dfrac{17}{20}\\),\\(\\dfrac{4}{9}\\),1,3,,143,,';
const UNLABELLED = '9,,,A,Why?,1,2,3,4,,,,';

const LABELLED =
  'Divides by the denominator again when solving an equation in which the unknown is divided by a number';

const ADD = 'Rank by labelled questions too';

test('labelled answers bear a name by its number and words, in the order of the rows', () => {
  const asked = (question: string) => ({ question, correct: '1', incorrect: '2' });
  const answers = [
    { question: asked('p'), misconception: { id: 2, name: 'b' } },
    { question: asked('q'), misconception: { id: 1, name: 'another a' } },
    { question: asked('p'), misconception: { id: 1, name: 'a' } },
  ];
  const rows = [
    { id: 1, name: 'a' },
    { id: 2, name: 'b' },
  ];
  expect(rowsBorne(answers, rows)).toEqual([1, undefined, 0]);
  const made = examplesFor(answers, Float32Array.of(1, 2, 3, 4, 5, 6), rows);
  expect(made).toMatchObject({ rows: [1, 0], origins: [0, 0], vectors: Float32Array.of(1, 2, 5, 6), weight: 0.5 });
  expect([made.originOf('p'), made.originOf('q')]).toEqual([0, undefined]);
  expect(examplesFor([], new Float32Array(), rows).rows).toEqual([]);
});

/** Bytes of the vectors that the browser keeps. */
const keptVectors = (p: Page): Promise<number> =>
  p.evaluate(async () => {
    const folder = (await (await navigator.storage.getDirectory()).getDirectoryHandle('lacuna')) as unknown as {
      values(): AsyncIterable<FileSystemFileHandle>;
    };
    let bytes = 0;
    for await (const file of folder.values()) if (/^vectors /.test(file.name)) bytes += (await file.getFile()).size;
    return bytes;
  });

describePage(
  'labelled questions',
  (page) => {
    let p: Page;
    /** The ranking by names alone. */
    let plain: Awaited<ReturnType<typeof ranked>>;
    /** By names and labelled answers. */
    let both: typeof plain;

    const section = () => p.getByRole('region', { name: 'Labelled questions' });
    /** Waits until the ranking shown is one by so many labelled answers. */
    const rankedBy = async (n: number) => {
      await go(p, 'rank');
      const words = n ? `by names and ${n} labelled answer` : ' ms. The number is the cosine';
      await p.locator('.ranking .hint').filter({ hasText: words }).waitFor();
      return ranked(p);
    };

    beforeAll(async () => {
      p = await page().open();
      p.setDefaultTimeout(SOON.timeout);
      await p.locator('.entry').first().waitFor();
      plain = await ranked(p);
    });

    test('a file that is wrong is refused with line and column', async () => {
      await go(p, 'taxonomy');
      await csv(p, ADD, 'mine.csv', file(ALIKE, UNLABELLED.replace(/,,,$/, ',99999,,')));
      await expect
        .poll(() => section().getByRole('alert').textContent(), SOON)
        .toContain('mine.csv:3:MisconceptionBId: 99999 is not an id of the taxonomy');
      await csv(p, ADD, '<b>none</b>.csv', file(UNLABELLED));
      await expect
        .poll(() => section().getByRole('alert').textContent(), SOON)
        .toContain('<b>none</b>.csv: no wrong option has a label');
      expect(await section().getByRole('checkbox').count()).toBe(0);
    });

    test('an answer like a labelled one ranks its misconception higher; the question’s own label does not', async () => {
      // The question that is asked, said to show the misconception that stands third.
      const own = ALIKE.replace('{3}{5}', '{2}{3}')
        .replace(/^7/, '8')
        .replace(/,143,,$/, ',,62,');
      await csv(p, ADD, 'mine.csv', file(ALIKE, own));
      await section().getByText('2 labelled wrong options').waitFor();
      expect(await section().getByRole('alert').count()).toBe(0);
      both = await rankedBy(2);
      const [before, after] = [plain, both].map((list) => list.findIndex(({ name }) => name === LABELLED));
      expect([before > 7, after > 0 && after < 6]).toEqual([true, true]);
      // Every other score stays.
      for (const { name, score } of both)
        if (name !== LABELLED) expect(score).toBe(plain.find((entry) => entry.name === name)?.score);
    });

    test('the next visit, offline, ranks by them too and reads none again, a class as well', async () => {
      const bytes = await keptVectors(p);
      expect(bytes).toBeGreaterThan(0);
      await p.evaluate(() => navigator.serviceWorker.ready.then(() => true));
      expect(page().errors).toEqual([]);
      await page().unplug();
      await p.reload();
      expect(await rankedBy(2)).toEqual(both);
      expect(await keptVectors(p)).toBe(bytes);
      await go(p, 'class');
      await csv(p, 'Choose a CSV of answers', 'class.csv', 'question,correct,answer\n1 + 1,2,3\n');
      await p.getByText('Ranked by names and 2 labelled answers.').waitFor();
    });

    test('what is shown breaks no rule of axe, and fits a phone', async () => {
      await go(p, 'taxonomy');
      const folder = mkdtempSync(join(tmpdir(), 'lacuna-labelled-'));
      const size = p.viewportSize()!;
      for (const colorScheme of ['light', 'dark'] as const) {
        await p.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        expect(await violations(p)).toEqual([]);
        await p.screenshot({ path: join(folder, `${colorScheme}.png`) });
      }
      await p.setViewportSize({ width: 360, height: 740 });
      expect(await p.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
      await section().screenshot({ path: join(folder, 'phone.png') });
      console.log(`screenshots: ${folder}`);
      await p.setViewportSize(size);
      await p.emulateMedia({ colorScheme: null, reducedMotion: null });
    });

    test('labels go with a name that is edited, and wait while it is gone', async () => {
      await p.getByLabel('Search the misconceptions').fill(LABELLED);
      await p.getByRole('button', { name: 'Edit misconception 143' }).click();
      await p.getByLabel('Misconception 143').fill('Divides twice');
      await p.keyboard.press('Enter');
      await p.getByLabel('Search the misconceptions').fill('Divides twice');
      await p.getByText('Divides twice').waitFor();
      expect(
        await section()
          .getByText(/^\d+ left out/)
          .count(),
      ).toBe(0);
      await p.getByRole('button', { name: 'Delete misconception 143' }).click();
      await section().getByText('1 left out').waitFor();
      await p.getByRole('button', { name: 'Undo' }).click();
      await section()
        .getByText(/^\d+ left out/)
        .waitFor({ state: 'detached' });
      await p.getByRole('button', { name: 'Back to the sample' }).click();
      await section().getByText('1 left out').waitFor();
      await rankedBy(1);
    });

    test('switched off, then removed, they change nothing any more', async () => {
      await go(p, 'taxonomy');
      await section().getByLabel('Rank by them').uncheck();
      expect(await rankedBy(0)).toEqual(plain);
      await go(p, 'taxonomy');
      await section().getByRole('button', { name: 'Remove' }).click();
      await section().getByRole('checkbox').waitFor({ state: 'detached' });
      expect(await p.evaluate(() => localStorage.getItem('lacuna.labelled'))).toBeNull();
      // What is not there to be fetched is said on the console.
      expect(page().errors.filter((line) => !/ERR_|Failed to fetch/.test(line))).toEqual([]);
    });
  },
  { models: [], shipped: true },
);
