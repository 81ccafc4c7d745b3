/**
 * Writes models/pocket/names.vectors, the vectors of the sample's misconceptions, so that the page need not embed them
 * before its first ranking (minutes where a CPU plays the GPU): rows of a name's SHA-256 and its f32 vector, as
 * web/storage/vector_store.ts keeps them. After a change of the model or of data/sample:
 *
 *   node scripts/run.mjs scripts/names.ts
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadEedi } from '../src/data/eedi.ts';
import { passageText } from '../src/data/prompt.ts';
import { writeFiles } from '../src/formats/atomic_file.ts';
import { resolveModel } from '../src/formats/hub.ts';
import { Gpu } from '../src/gpu/gpu.ts';
import { openEmbedder } from '../src/model/open.ts';
import { MemoryDisk } from '../web/storage/memory_disk.ts';
import { VectorStore } from '../web/storage/vector_store.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const path = join(root, 'models/pocket/names.vectors');
const { taxonomy } = await loadEedi(join(root, 'data/sample'));
// In f32, which every tier is within rounding of.
const gpu = await Gpu.open({ tier: 'portable' });
const embedder = await openEmbedder(gpu, await resolveModel('pocket'));
const names = taxonomy.names.map(passageText);
const disk = new MemoryDisk();
const store = await VectorStore.open(disk, 'names', embedder.dimensions);
await store.vectors(names, names.length, (missing) => embedder.embed(missing));
const [kept] = (await disk.list()).keys();
await writeFiles([{ path, chunks: [new Uint8Array(await (await disk.open(kept))!.arrayBuffer())] }]);
console.log(`${path}: ${names.length} vectors of ${embedder.dimensions} on ${gpu.description.description}`);
embedder.free();
gpu.close();
