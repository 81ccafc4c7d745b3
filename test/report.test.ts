/** scripts/report.ts: what `make test` counts. */
import { expect, test } from 'vitest';
import { closingLine, junitCounts, skipReasons, vitestCounts } from '../scripts/report.ts';

test('vitest: passed, failed, skipped, and the GPUs that tests ran on', () => {
  const counts = vitestCounts(
    JSON.stringify({
      testResults: [
        {
          name: '/a.test.ts',
          status: 'failed',
          assertionResults: [
            { fullName: 'rope on lavapipe subgroup turns', status: 'passed' },
            {
              fullName: 'rope on lavapipe subgroup returns',
              status: 'failed',
              failureMessages: ['AssertionError: 1 is not 2\n    at x.ts:3'],
            },
            { fullName: 'rope on swiftshader portable turns', status: 'skipped' },
            { fullName: 'later', status: 'todo' },
          ],
        },
      ],
    }),
  );
  expect(counts).toEqual({
    passed: 1,
    failed: ['rope on lavapipe subgroup returns: AssertionError: 1 is not 2'],
    skipped: ['rope on swiftshader portable turns', 'later'],
    gpus: { 'lavapipe subgroup': 2 },
  });
});

test('vitest: a file that could not be loaded is a failure', () => {
  const broken = { name: '/b.test.ts', status: 'failed', message: 'SyntaxError: x', assertionResults: [] };
  expect(vitestCounts(JSON.stringify({ testResults: [broken] })).failed).toEqual(['/b.test.ts: SyntaxError: x']);
});

test('Deno: the three outcomes, with names unescaped', () => {
  const xml = `<testsuites><testsuite name="x">
    <testcase name="rope on deno portable &gt; a &amp; b" classname="x" time="0.1"></testcase>
    <testcase classname="x" name="short"/>
    <testcase name="bad" classname="x"><failure message="a &lt; b&#10;c">name="fake"</failure></testcase>
    <testcase name="worse" classname="x"><error>no attribute</error></testcase>
    <testcase name="Eedi (skipped: not here)" classname="x"><skipped/></testcase>
  </testsuite></testsuites>`;
  expect(junitCounts(xml)).toEqual({
    passed: 2,
    failed: ['bad: a < b', 'worse'],
    skipped: ['Eedi (skipped: not here)'],
    gpus: { 'deno portable': 1 },
  });
});

test('skips are grouped by the reason they give', () => {
  expect(skipReasons(['a (skipped: no data) b', 'c (skipped: no data) d', 'quiet'])).toEqual([
    '2 skipped, no data',
    '1 skipped, no reason in its name: quiet',
  ]);
});

test('the closing line', () => {
  expect(closingLine(3, 0, 2)).toBe('3 passed, 0 failed, 2 skipped');
});
