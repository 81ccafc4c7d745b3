/** Counts of a test run, read out of vitest's JSON report or Deno's JUnit report, and what is said about them. */

export interface Counts {
  passed: number;
  /** Names, with the first line of what went wrong. */
  failed: string[];
  /** Names. */
  skipped: string[];
  /** Tests that ran on each GPU of test/gpus.ts, by its name. */
  gpus: Record<string, number>;
}

interface VitestReport {
  testResults: {
    name: string;
    status: string;
    /** Why a file could not be collected. */
    message?: string;
    assertionResults: { fullName: string; status: string; failureMessages?: string[] }[];
  }[];
}

/** A file that fails before its tests are collected has none, and counts as one failure. */
export function vitestCounts(json: string): Counts {
  const { testResults } = JSON.parse(json) as VitestReport;
  const counts: Counts = { passed: 0, failed: [], skipped: [], gpus: {} };
  for (const file of testResults) {
    for (const { fullName, status, failureMessages: [why] = [] } of file.assertionResults)
      count(counts, fullName, status, why);
    if (file.status === 'failed' && !file.assertionResults.some((a) => a.status === 'failed'))
      counts.failed.push(because(file.name, file.message));
  }
  return counts;
}

export function junitCounts(xml: string): Counts {
  const counts: Counts = { passed: 0, failed: [], skipped: [], gpus: {} };
  for (const [, attributes, end, body] of xml.matchAll(/<testcase\s([^>]*?)(\/>|>([\s\S]*?)<\/testcase>)/g)) {
    const name = unescaped(/(?:^|\s)name="([^"]*)"/.exec(attributes)?.[1] ?? '');
    const inside = end === '/>' ? '' : body;
    const [failure, message] = /<(?:failure|error)\b(?:[^>]*?\smessage="([^"]*)")?/.exec(inside) ?? [];
    const status = failure ? 'failed' : /<skipped\b/.test(inside) ? 'skipped' : 'passed';
    count(counts, name, status, message && unescaped(message));
  }
  return counts;
}

const because = (name: string, why?: string): string => {
  const [line] = (why ?? '').trim().split('\n');
  return line ? `${name}: ${line.slice(0, 300)}` : name;
};

function count(counts: Counts, name: string, status: string, why?: string): void {
  if (status === 'failed') counts.failed.push(because(name, why));
  else if (status !== 'passed') counts.skipped.push(name);
  else counts.passed++;
  const gpu = / on ((?:lavapipe|swiftshader|deno|native) \w+)/.exec(name)?.[1];
  if (gpu && (status === 'passed' || status === 'failed')) counts.gpus[gpu] = (counts.gpus[gpu] ?? 0) + 1;
}

const unescaped = (text: string): string =>
  text.replace(/&(?:(lt|gt|quot|apos|amp)|#(\d+));/g, (_, name: string, code: string) =>
    code ? String.fromCodePoint(Number(code)) : { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' }[name]!,
  );

/** The reason that a skipped test's name gives, "(skipped: …)", with how often it was given. */
export function skipReasons(skipped: readonly string[]): string[] {
  const reasons = new Map<string, number>();
  for (const name of skipped) {
    const reason = /\(skipped: ([^)]*)\)/.exec(name)?.[1] ?? `no reason in its name: ${name}`;
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  }
  return [...reasons].map(([reason, n]) => `${n} skipped, ${reason}`);
}

/** "3 passed, 1 failed, 2 skipped": the closing line. */
export const closingLine = (passed: number, failed: number, skipped: number): string =>
  `${passed} passed, ${failed} failed, ${skipped} skipped`;
