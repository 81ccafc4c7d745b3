/** The model that ships, end to end on every GPU: the demo's examples come out where they did when it was committed. */
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

/** Wrong options of data/sample, with the place of their own misconception. */
const CASES = [
  { questionId: 25, answer: 'C', place: 3 },
  { questionId: 69, answer: 'C', place: 2 },
  { questionId: 135, answer: 'D', place: 1 },
];

describeGpus('the pocket model', (gpu) => {
  test('ranks the demo’s examples', async () => {
    const { taxonomy, pairs } = await loadEedi(join(root, 'data/sample'));
    const embedder = await openEmbedder(gpu(), await resolveModel('pocket'));
    const chosen = CASES.map(
      ({ questionId, answer }) => pairs.find((p) => p.questionId === questionId && p.answer === answer)!,
    );
    const names = await embedder.embed(taxonomy.names);
    const ranker = await Ranker.create(gpu(), names, embedder.dimensions, 25);
    const rankings = await ranker.rank(await embedder.embed(chosen.map((p) => queryText(queryParts(p)))));
    const places = rankings.map(({ indices }, i) => 1 + indices.indexOf(taxonomy.ids.indexOf(chosen[i].label!)));
    expect(places).toEqual(CASES.map((c) => c.place));
    ranker.free();
    embedder.free();
  });
});
