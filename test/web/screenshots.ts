/** Pictures of every view with something in it: light and dark on a desk, light on a phone. */
import { mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Page } from 'playwright-core';
import { formatCsv } from '../../src/data/csv.ts';
import { LETTERS, parseQuestions } from '../../src/data/questions.ts';
import { csv, go, VIEWS } from './visitor.ts';

const SCREENS = [
  { name: 'light', width: 1280, height: 760, colorScheme: 'light' },
  { name: 'dark', width: 1280, height: 760, colorScheme: 'dark' },
  { name: 'phone', width: 360, height: 740, colorScheme: 'light' },
] as const;

const PUPILS = [
  'Amara',
  'Ben',
  'Chiara',
  'Dmitri',
  'Elif',
  'Farid',
  'Grace',
  'Hana',
  'Idris',
  'Jonas',
  'Kavya',
  'Luca',
];
const KERNELS = ['l2_normalize', 'rms_norm', 'rope'];

/** A class whose pupils made the mistakes that the sample's fraction questions are about. */
function aClass(): string {
  const path = fileURLToPath(new URL('../../data/sample/train.csv', import.meta.url));
  const answers = parseQuestions(readFileSync(path, 'utf8'), path, { labels: 'optional' })
    .filter(({ subject }) => /Fraction|Percentage/.test(subject ?? ''))
    .flatMap((q) =>
      LETTERS.filter((letter) => q.labels[letter] !== undefined).map((letter) => [
        q.text,
        q.answers[q.correct],
        q.answers[letter],
      ]),
    );
  const rows = PUPILS.map((pupil, i) => [pupil, ...answers[Math.floor(i / 2)]]);
  return formatCsv(['pupil', 'question', 'correct', 'answer'], rows);
}

/** Ranks, reads a class and times kernels on an open page, then writes a PNG of every view for every screen. */
export async function shoot(p: Page, folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  await p.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
  await go(p, 'rank');
  await p.getByRole('button', { name: 'Pick an example' }).click();
  await p.getByLabel('Search the examples').fill('denominators when adding');
  await p.locator('.example-list .choice').first().waitFor();
  await p.screenshot({ path: `${folder}/examples.png` });
  await p.locator('.example-list .choice').nth(1).click();

  await go(p, 'class');
  await csv(p, 'Choose a CSV of answers', '8b, fractions.csv', aClass());
  await p
    .locator('.class-table tbody tr')
    .nth(PUPILS.length - 1)
    .waitFor();
  await go(p, 'kernels');
  await p.getByRole('button', { name: 'None' }).click();
  for (const kernel of KERNELS) await p.getByRole('checkbox', { name: kernel, exact: true }).check();
  await p.getByRole('button', { name: /^Time / }).click();
  await p.getByRole('button', { name: 'Stop' }).waitFor();
  await p.getByRole('button', { name: /^Time / }).waitFor();

  const before = p.viewportSize()!;
  for (const { name, width, height, colorScheme } of SCREENS) {
    await p.setViewportSize({ width, height });
    await p.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    for (const view of VIEWS) {
      await go(p, view);
      await p.evaluate(() => scrollTo(0, 0));
      await p.evaluate(() => document.fonts.ready);
      await p.waitForTimeout(150);
      await p.screenshot({ path: `${folder}/${view}-${name}.png` });
    }
  }
  await p.setViewportSize(before);
  await p.emulateMedia({ colorScheme: null, reducedMotion: null });
}
