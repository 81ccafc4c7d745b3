/**
 * Writes models/pocket/names.vectors, the vectors of the sample's misconceptions, so that the page need not embed them
 * before its first ranking (minutes where a CPU plays the GPU): rows of a name's SHA-256 and its f32 vector, as
 * web/storage/vector_store.ts keeps them. After a change of the model or of data/sample:
 *
 *   node scripts/run.mjs scripts/names.ts
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadEedi } from '../src/data/eedi.ts';
import { passageText } from '../src/data/prompt.ts';
import { writeFiles } from '../src/formats/atomic_file.ts';
import { resolveModel } from '../src/formats/hub.ts';
import { Gpu } from '../src/gpu/gpu.ts';
import { openEmbedder } from '../src/model/open.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const path = join(root, 'models/pocket/names.vectors');
const { taxonomy } = await loadEedi(join(root, 'data/sample'));
// In f32, which every tier is within rounding of.
const gpu = await Gpu.open({ tier: 'portable' });
const embedder = await openEmbedder(gpu, await resolveModel('pocket'));
const names = taxonomy.names.map(passageText);
const vectors = await embedder.embed(names);
const rows = names.flatMap((name, i) => [
  createHash('sha256').update(name).digest(),
  new Uint8Array(vectors.slice(i * embedder.dimensions, (i + 1) * embedder.dimensions).buffer),
]);
await writeFiles([{ path, chunks: rows }]);
console.log(`${path}: ${names.length} vectors of ${embedder.dimensions} on ${gpu.description.description}`);
embedder.free();
gpu.close();
