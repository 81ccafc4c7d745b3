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

  test('lists the tiles of sequences of some lengths, first of all sequences first', async () => {
    const g = gpu();
    const seqs = new Sequences(g, 20, 4, undefined, 8);
    const { list, count } = seqs.tiles({ rows: 3, over: 2, upTo: 7 });
    seqs.set([7, 2, 8, 3].map((n) => new Uint32Array(n)));
    expect(count.count).toBe(4);
    const tiles = [
      [0, 3, 0, 0],
      [17, 20, 17, 3],
      [3, 6, 0, 0],
      [6, 7, 0, 0],
    ];
    expect([...(await g.read(list, 16))]).toEqual(tiles.flat());
    expect(() => seqs.set([new Uint32Array(9)])).toThrow('does not fit');
    seqs.free();
  });
});
