/** The model that ships, end to end on every GPU: it puts the misconceptions behind the demo's examples first. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadEedi } from '../src/data/eedi.ts';
import { queryParts, queryText } from '../src/data/prompt.ts';
import { resolveModel } from '../src/formats/hub.ts';
import { openEmbedder } from '../src/model/open.ts';
import { Ranker } from '../src/retrieve/ranker.ts';
import { describeGpus } from './gpus.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

/** Wrong options of data/sample whose own misconception comes first, and the four that follow it. */
const CASES = [
  { questionId: 25, answer: 'C', rivals: [63, 64, 66, 62] },
  { questionId: 69, answer: 'C', rivals: [139, 140, 141, 129] },
  { questionId: 135, answer: 'D', rivals: [270, 247, 188, 256] },
];

/** What the page takes for the sample's names instead of embedding them: rows of a name's SHA-256 and its vector. */
function shippedVectors(): Map<string, Float32Array> {
  const bytes = readFileSync(join(root, 'models/pocket/names.vectors'));
  const stride = 32 + 4 * 384;
  expect(bytes.length % stride).toBe(0);
  const rows = Array.from({ length: bytes.length / stride }, (_, i) => bytes.subarray(i * stride, (i + 1) * stride));
  return new Map(
    rows.map((row) => [row.toString('hex', 0, 32), new Float32Array(Uint8Array.from(row.subarray(32)).buffer)]),
  );
}
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

test('every name of the sample has a vector beside the model, and nothing else', async () => {
  const { taxonomy } = await loadEedi(join(root, 'data/sample'));
  expect([...shippedVectors().keys()].sort()).toEqual(taxonomy.names.map(sha256).sort());
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
    const names = await embedder.embed(ids.map((id) => taxonomy.names[taxonomy.ids.indexOf(id)]));
    const ranker = await Ranker.create(gpu(), names, embedder.dimensions, 1);
    const rankings = await ranker.rank(await embedder.embed(chosen.map((p) => queryText(queryParts(p)))));
    expect(rankings.map(({ indices }) => ids[indices[0]])).toEqual(chosen.map((p) => p.label));
    // f16 rounds each of some two hundred operations by 2^-11 at most, mostly in different directions.
    const shipped = shippedVectors();
    const d = embedder.dimensions;
    ids.forEach((id, i) => {
      const vector = shipped.get(sha256(taxonomy.names[taxonomy.ids.indexOf(id)]))!;
      const cosine = vector.reduce((sum, v, j) => sum + v * names[i * d + j], 0);
      expect(cosine).toBeGreaterThan(gpu().activation === 'f16' ? 0.999 : 0.9999);
    });
    ranker.free();
    embedder.free();
  });
});
