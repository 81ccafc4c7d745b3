/** What a packed batch writes of its tokens. */
import { expect, test } from 'vitest';
import { describeGpus } from '../../test/gpus.ts';
import { rowsOfTokens } from '../embed/embed.ts';
import { Sequences } from './sequences.ts';

describeGpus('a packed batch', (gpu) => {
  test('has ids, or their rows of an embedding of some tokens; one without a row is named', async () => {
    const g = gpu();
    const batch = [
      [151_000, 7],
      [9, 151_000, 7],
    ];
    const written = async (rows?: ReadonlyMap<number, number>) => {
      const seqs = new Sequences(g, 6, 2, rows);
      seqs.set(batch);
      if (rows) expect(() => seqs.set([[9, 8]])).toThrow('token 8 is none of the 3 whose embeddings were loaded');
      const read = [...(await g.read(seqs.ids, 5))];
      seqs.free();
      return read;
    };
    expect(await written()).toEqual(batch.flat());
    expect(await written(rowsOfTokens(Uint32Array.of(7, 9, 151_000)))).toEqual([2, 0, 1, 2, 0]);
  });
});
