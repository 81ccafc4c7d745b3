/**
 * The real pretrained model, end to end: SmolLM2's embeddings against transformers' (f32, CPU), without and with a
 * PEFT adapter. The reference vectors and Eedi's texts lie in ../shared, beside a development checkout.
 */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { loadEedi } from '../src/data/eedi.ts';
import { queryParts, queryText } from '../src/data/prompt.ts';
import { pull } from '../src/formats/hub.ts';
import { readNpy } from '../src/formats/npy.ts';
import { openEmbedder } from '../src/model/open.ts';
import { describeGpus } from './gpus.ts';

const SHARED = fileURLToPath(new URL('../../shared', import.meta.url));
const present = existsSync(`${SHARED}/models/smollm2_reference.npz`);
if (!present)
  console.log('skipped: SmolLM2 against transformers, since ../shared with the reference vectors is not here');

/** One array of an .npz whose entries are stored uncompressed, as numpy.savez writes them. */
function npz(path: string, name: string): Float32Array {
  const file = readFileSync(path);
  for (let at = 0; file.readUInt32LE(at) === 0x04034b50; ) {
    const [nameLength, extra] = [file.readUInt16LE(at + 26), file.readUInt16LE(at + 28)];
    // numpy writes every entry with a zip64 field, whose second number is the stored size.
    const size = Number(file.readBigUInt64LE(at + 30 + nameLength + 12));
    const begin = at + 30 + nameLength + extra;
    if (file.toString('latin1', at + 30, at + 30 + nameLength) === `${name}.npy`)
      return readNpy(new Uint8Array(file.subarray(begin, begin + size)), path).values;
    at = begin + size;
  }
  throw new Error(`${path} has no ${name}`);
}

/** Cosine of row i of two matrices of unit vectors. */
const cosine = (a: Float32Array, b: Float32Array, i: number, d: number): number => {
  let sum = 0;
  for (let c = 0; c < d; c++) sum += a[i * d + c] * b[i * d + c];
  return sum;
};

describeGpus('SmolLM2', (gpu, tier, on) => {
  // SwiftShader has no vector units worth the name: a query takes it minutes, and lavapipe runs the same tier.
  const slow = on.startsWith('swiftshader');
  test.skipIf(!present || slow).each([
    ['zero_shot', undefined],
    ['adapter', `${SHARED}/models/adapter`],
  ] as const)('%s embeddings', async (name, adapter) => {
    const g = gpu();
    const { pairs, taxonomy } = await loadEedi(`${SHARED}/data/eedi`);
    const fold = pairs.filter((p) => p.fold === 0);
    const queries = fold.slice(0, 2).map((p) => queryText(queryParts(p, { rationale: false })));
    const embedder = await openEmbedder(g, await pull('smollm2-135m'), { adapter, maxLength: 288, batchTokens: 512 });
    const vectors = await embedder.embed([...queries, ...taxonomy.names.slice(0, 6)]);
    const d = embedder.dimensions;
    const reference = `${SHARED}/models/smollm2_reference.npz`;
    const least = tier === 'portable' ? 0.9999 : 0.999;
    for (let i = 0; i < 2; i++) expect(cosine(vectors, npz(reference, `${name}_queries`), i, d)).toBeGreaterThan(least);
    const passages = vectors.subarray(2 * d);
    for (let i = 0; i < 6; i++)
      expect(cosine(passages, npz(reference, `${name}_passages`), i, d)).toBeGreaterThan(least);
    embedder.free();
  });
});
