/** The incremental SHA-256 against Node's, at every way of filling a block. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { Sha256 } from '../../web/storage/sha256.ts';

test('agrees with Node at the lengths where padding changes, however the bytes come', () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 1000, 70_001]) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 131) >> 2);
    const expected = createHash('sha256').update(bytes).digest('hex');
    for (const step of [1, 37, 64, 100_000]) {
      if (length / step > 2000) continue;
      const hash = new Sha256();
      for (let at = 0; at < length; at += step) hash.update(bytes.subarray(at, at + step));
      expect([length, step, hash.digest()]).toEqual([length, step, expected]);
    }
  }
});
