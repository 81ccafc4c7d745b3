/** The model that ships, end to end on every GPU: it puts the misconceptions behind the demo's examples first. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadEedi } from '../src/data/eedi.ts';
import { queryParts, queryText } from '../src/data/prompt.ts';
import { resolveModel } from '../src/formats/hub.ts';
import { openEmbedder } from '../src/model/open.ts';
import { Ranker } from '../src/retrieve/ranker.ts';
import { MemoryDisk } from '../web/storage/memory_disk.ts';
import { VectorStore } from '../web/storage/vector_store.ts';
import { describeGpus } from './gpus.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Wrong options of data/sample whose own misconception comes first, and the four that follow it. */
const CASES = [
  { questionId: 25, answer: 'C', rivals: [63, 62, 64, 77] },
  { questionId: 69, answer: 'C', rivals: [139, 140, 141, 144] },
  { questionId: 135, answer: 'D', rivals: [254, 261, 184, 258] },
];

const DIMENSIONS = 384;
const shippedRows = () => new Blob([readFileSync(join(root, 'models/pocket/names.vectors'))]);

/** What the page takes for names of the sample instead of embedding them: f32 [names, DIMENSIONS]. */
async function shippedVectors(names: readonly string[]): Promise<Float32Array> {
  const store = await VectorStore.open(new MemoryDisk(), 'pocket', DIMENSIONS, shippedRows());
  const { vectors, embedded } = await store.vectors(names, names.length, async (missing) => {
    throw new Error(`no vector of ${missing.join(', ')}`);
  });
  expect(embedded).toBe(0);
  return vectors;
}

test('every name of the sample has a vector beside the model, and nothing else', async () => {
  const { taxonomy } = await loadEedi(join(root, 'data/sample'));
  await shippedVectors(taxonomy.names);
  expect(new Set(taxonomy.names).size).toBe(taxonomy.names.length);
  expect(shippedRows().size).toBe(taxonomy.names.length * (32 + 4 * DIMENSIONS));
});

describeGpus('the pocket model', (gpu, _tier, on) => {
  // SwiftShader takes three minutes for all the names, of which these are the hardest to tell apart.
  const few = on.startsWith('swiftshader');

  test(`puts the demo’s examples first among ${few ? 'their rivals' : 'all names'}, whose vectors are those that ship`, async () => {
    const { taxonomy, pairs } = await loadEedi(join(root, 'data/sample'));
    const embedder = await openEmbedder(gpu(), await resolveModel('pocket'));
    const chosen = CASES.map(
      ({ questionId, answer }) => pairs.find((p) => p.questionId === questionId && p.answer === answer)!,
    );
    const ids = few ? [...CASES.flatMap((c) => c.rivals), ...chosen.map((p) => p.label!)] : taxonomy.ids;
    const texts = ids.map((id) => taxonomy.names[taxonomy.ids.indexOf(id)]);
    const names = await embedder.embed(texts);
    const ranker = await Ranker.create(gpu(), names, embedder.dimensions, 1);
    const rankings = await ranker.rank(await embedder.embed(chosen.map((p) => queryText(queryParts(p)))));
    expect(rankings.map(({ indices }) => ids[indices[0]])).toEqual(chosen.map((p) => p.label));
    // f16 rounds each of some two hundred operations by 2^-11 at most, mostly in different directions.
    const shipped = await shippedVectors(texts);
    texts.forEach((_, i) => {
      const of = (all: Float32Array) => all.subarray(i * DIMENSIONS, (i + 1) * DIMENSIONS);
      const cosine = of(shipped).reduce((sum, v, j) => sum + v * of(names)[j], 0);
      expect(cosine).toBeGreaterThan(gpu().activation === 'f16' ? 0.999 : 0.9999);
    });
    ranker.free();
    embedder.free();
  });
});
