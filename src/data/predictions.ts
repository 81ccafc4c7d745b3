/** Prediction files: the published columns as parquet, CSV or JSON, by the ending of the name. */
import { extname } from 'node:path';
import { UserError } from '../errors.ts';
import { writeFiles } from '../formats/atomic_file.ts';
import { readBytes } from './files.ts';
import {
  decodeCsv,
  decodeJson,
  decodeParquet,
  encodeCsv,
  encodeJson,
  encodeParquet,
  type PredictionRow,
} from './prediction_table.ts';
import { decodeUtf8 } from './utf8.ts';

export type { PredictionRow } from './prediction_table.ts';

const ENCODERS: Record<string, (rows: readonly PredictionRow[]) => string | Uint8Array> = {
  '.parquet': encodeParquet,
  '.csv': encodeCsv,
  '.json': encodeJson,
};

/** Throws a UserError unless `path` ends in .parquet, .csv or .json: for a check before the work begins. */
export function checkPredictionPath(path: string): void {
  if (!ENCODERS[extname(path)]) throw new UserError(`${path}: predictions end in ${Object.keys(ENCODERS).join(', ')}`);
}

/** Writes predictions whole (under a temporary name, then renamed), in the format that the path ends in. */
export async function writePredictions(path: string, rows: readonly PredictionRow[]): Promise<void> {
  checkPredictionPath(path);
  await writeFiles([{ path, chunks: [ENCODERS[extname(path)](rows)] }]);
}

/** Reads and checks predictions. Throws a UserError that names file and row. */
export async function readPredictions(path: string): Promise<PredictionRow[]> {
  checkPredictionPath(path);
  const bytes = await readBytes(path);
  if (extname(path) === '.parquet') return decodeParquet(bytes, path);
  const text = decodeUtf8(bytes, path);
  return extname(path) === '.csv' ? decodeCsv(text, path) : decodeJson(text, path);
}
