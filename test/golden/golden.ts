/** Reads the golden files (README.md beside this says what they hold and which script wrote them). */
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openFile } from '../../src/formats/file_source.ts';
import { readSafetensors } from '../../src/formats/safetensors.ts';
import { readTensor } from '../../src/formats/tensor.ts';

export const GOLDEN = fileURLToPath(new URL('.', import.meta.url));

/** Every golden model's folder name. */
export const goldenModels = (): string[] =>
  readdirSync(GOLDEN, { withFileTypes: true })
    .filter((e) => e.isDirectory() && readdirSync(`${GOLDEN}${e.name}`).includes('expected.safetensors'))
    .map((e) => e.name)
    .sort();

/** The adapters of a golden model. */
export const goldenAdapters = (model: string): string[] =>
  readdirSync(`${GOLDEN}${model}`).includes('adapters') ? readdirSync(`${GOLDEN}${model}/adapters`).sort() : [];

/** What to open as the model: its folder, or the .gguf in it. */
export const goldenPath = (model: string): string =>
  readdirSync(`${GOLDEN}${model}`).includes('model.gguf') ? `${GOLDEN}${model}/model.gguf` : `${GOLDEN}${model}`;

export interface GoldenTensor {
  shape: readonly number[];
  values: Float32Array | Int32Array;
}

/** All tensors of one golden safetensors file. */
export async function readGolden(model: string, file: string): Promise<Map<string, GoldenTensor>> {
  const source = await openFile(`${GOLDEN}${model}/${file}`);
  try {
    const out = new Map<string, GoldenTensor>();
    for (const [name, info] of await readSafetensors(source)) {
      const { buffer } = await readTensor(info);
      out.set(name, { shape: info.shape, values: info.dtype === 'I32' ? new Int32Array(buffer) : new Float32Array(buffer) });
    }
    return out;
  } finally {
    await source.close();
  }
}

/** The packed sequences of a golden file. */
export function goldenSequences(golden: Map<string, GoldenTensor>): Uint32Array[] {
  const ids = golden.get('input_ids')!.values;
  const offsets = golden.get('offsets')!.values;
  return Array.from({ length: offsets.length - 1 }, (_, i) => Uint32Array.from(ids.slice(offsets[i], offsets[i + 1])));
}
