/** A loop whose two stages in workgroup memory take turns, written out: linear.tall.wgsl, int8/int8.wgsl. */

/**
 * The text between the marks `// turn` once for each stage, and, where `steps` is odd, at the mark `// last` once more for the
 * last step. In it NOW is the stage that is multiplied, NEXT the one that is filled, TURN the step of the pair: 0 or 1.
 */
export function takeTurns(source: string, steps: number): string {
  const [before, turn, after] = source.split('// turn\n');
  const turns = ['stage', 'stage2'].map((now, i, both) =>
    turn
      .replaceAll('&NOW', `&${now}`)
      .replaceAll('NEXT[', `${both[1 - i]}[`)
      .replaceAll(/\bTURN\b/g, `${i}u`),
  );
  const last = steps % 2 ? turns[0].replace('pair + 0u', 'STEPS - 1u') : '';
  return [before, ...turns, after.replace('// last\n', last)].join('');
}
