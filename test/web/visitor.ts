/** What tests of the page do again and again, as a visitor would. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

export const VIEWS = ['rank', 'taxonomy', 'class', 'model', 'gpu', 'kernels'] as const;

/** How long anything may take: the GPU is software, on a CPU that others use too. */
export const SOON = { timeout: 100_000 };

/** Opens a view by its address and waits until it is drawn. */
export async function go(p: Page, view: (typeof VIEWS)[number]): Promise<void> {
  await p.evaluate((name) => {
    location.hash = name;
  }, view);
  await p.locator(`.view-${view}`).waitFor();
}

/** The ranking as it is shown. */
export function ranked(p: Page): Promise<{ name: string; score: number }[]> {
  return p.locator('.entry').evaluateAll((entries) =>
    entries.map((entry) => ({
      name: entry.querySelector('.name')?.firstChild?.textContent ?? '',
      score: Number(entry.querySelector('.score')?.lastChild?.textContent?.replace('−', '-')),
    })),
  );
}

/** Gives a file's text to the drop area of the given label. */
export async function csv(p: Page, label: string, name: string, text: string): Promise<void> {
  await p.getByLabel(label).setInputFiles({ name, mimeType: 'text/csv', buffer: Buffer.from(text) });
}

/** Rules that the page breaks, with what breaks them. */
export async function violations(p: Page): Promise<string[]> {
  await p.evaluate(axe);
  return p.evaluate(async () => {
    const { violations } = await (globalThis as never as { axe: typeof import('axe-core') }).axe.run();
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
  });
}
