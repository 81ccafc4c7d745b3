/**
 * Fold 0's queries and all misconceptions embedded, for the comparison with peer_embed.py on the same machine:
 *   node embed.mjs MODEL.gguf EEDI_DIR
 * Tokens a second with the model loaded and the texts tokenized, as the peer is timed; and the time from the start of
 * this program to the first ranking.
 */
import { loadEedi } from '../../src/data/eedi.ts';
import { queryParts, queryText } from '../../src/data/prompt.ts';
import { Gpu } from '../../src/gpu/gpu.ts';
import { openEmbedder } from '../../src/model/open.ts';
import { Ranker } from '../../src/retrieve/ranker.ts';

const [path, folder] = process.argv.slice(2);
const gpu = await Gpu.open();
const embedder = await openEmbedder(gpu, path);
const { pairs, taxonomy } = await loadEedi(folder);
const queries = pairs.filter((p) => p.fold === 0).map((p) => queryText(queryParts(p, { rationale: false })));
const passages = await embedder.embed(taxonomy.names.slice(0, 100));
const ranker = await Ranker.create(gpu, passages, embedder.dimensions, 25);
await ranker.rank(await embedder.embed(queries.slice(0, 1)));
console.log(
  `first ranking (100 names, one query) ${(performance.now() / 1000).toFixed(2)} s after the program's start`,
);

const began = performance.now();
const tokens = [...queries, ...taxonomy.names].map((text) => embedder.tokenize(text));
const total = tokens.reduce((n, t) => n + t.length, 0);
console.log(`tokenized ${total} tokens in ${(performance.now() - began).toFixed(0)} ms`);
const seconds: number[] = [];
for (let i = 0; i < 7; i++) {
  const start = performance.now();
  await embedder.embedTokens(tokens);
  seconds.push((performance.now() - start) / 1000);
}
const warm = seconds.slice(2).sort((a, b) => a - b)[2];
console.log(
  JSON.stringify({
    tier: gpu.caps.tier,
    tokens: total,
    seconds: Number(warm.toFixed(3)),
    'tokens/s': Math.round(total / warm),
    batchTokens: embedder.batchTokens,
    'GPU MiB': Math.round(gpu.peak / 2 ** 20),
  }),
);
process.exit(0);
