import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetMetadata } from 'hyparquet';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import {
  decodeCsv,
  decodeJson,
  decodeParquet,
  encodeCsv,
  encodeJson,
  encodeParquet,
  type PredictionRow,
} from './prediction_table.ts';
import { readPredictions, writePredictions } from './predictions.ts';
import { PYARROW } from './pyarrow_fixture.ts';

const SEED = new URL('../../../shared/data/seed-results', import.meta.url).pathname;
const absent = !existsSync(SEED);
if (absent) console.log(`skipped: what is checked on the published predictions needs them in ${SEED}`);

const ROWS: PredictionRow[] = [
  { questionId: 3, answer: 'A', label: 12, pred: [12, 0, 2586] },
  { questionId: 3, answer: 'D', label: undefined, pred: [7, 12, 0] },
  { questionId: 100000, answer: 'B', label: 0, pred: [] },
];

const message = async (run: () => unknown): Promise<string> => {
  try {
    await run();
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return 'no error';
};

describe('encode and decode', () => {
  test('parquet, CSV and JSON give back what they were given', async () => {
    expect(await decodeParquet(encodeParquet(ROWS), 'p')).toEqual(ROWS);
    expect(decodeCsv(encodeCsv(ROWS), 'p')).toEqual(ROWS);
    expect(decodeJson(encodeJson(ROWS), 'p')).toEqual(ROWS);
    expect(await decodeParquet(encodeParquet([]), 'p')).toEqual([]);
    expect(decodeCsv(encodeCsv([]), 'p')).toEqual([]);
    expect(decodeJson(encodeJson([]), 'p')).toEqual([]);
  });

  test('thousands of rows, several pages and row groups', async () => {
    const rows = Array.from({ length: 5000 }, (_, i): PredictionRow => {
      const pred = Array.from({ length: 25 }, (_, j) => (i * 31 + j * 97) % 2587);
      return { questionId: i >> 2, answer: 'ABCD'[i & 3] as 'A', label: i % 7 ? i % 2587 : undefined, pred };
    });
    expect(await decodeParquet(encodeParquet(rows), 'p')).toEqual(rows);
  });

  test('the parquet schema is the published one', () => {
    const { schema } = parquetMetadata(encodeParquet(ROWS));
    expect(schema.slice(1).map((c) => [c.name, c.type, c.converted_type, c.repetition_type])).toEqual([
      ['MisconceptionId', 'INT64', undefined, 'OPTIONAL'],
      ['pred', 'BYTE_ARRAY', 'UTF8', 'OPTIONAL'],
      ['QuestionId', 'INT64', undefined, 'OPTIONAL'],
      ['ans', 'BYTE_ARRAY', 'UTF8', 'OPTIONAL'],
    ]);
  });

  test('what pandas writes where a label is missing', async () => {
    expect(await decodeParquet(PYARROW, 'p')).toEqual([
      { questionId: 1, answer: 'A', label: 3, pred: [3, 1, 2] },
      { questionId: 1, answer: 'B', label: undefined, pred: [1, 2, 3] },
      { questionId: 2, answer: 'C', label: 7, pred: [7, 3, 1] },
      { questionId: 2, answer: 'D', label: 7, pred: [1, 7, 2] },
    ]);
  });
});

describe('values out of place', () => {
  const head = 'MisconceptionId,pred,QuestionId,ans\n';
  test.each([
    [`${head}1,1 2,3,E\n`, "p.csv:2: ans: 'E' is not A, B, C or D"],
    [`${head}1,1 2,NaN,A\n`, "p.csv:2: QuestionId: 'NaN' is not a whole number"],
    [`${head}x,1 2,3,A\n`, "p.csv:2: MisconceptionId: 'x' is not a whole number"],
    [`${head}1,1 -2,3,A\n`, "p.csv:2: pred: '-2' is not an id"],
    [`${head}1,1 2 1,3,A\n`, 'p.csv:2: pred: 1 is ranked twice'],
    [`${head}1,1,3,A\n1,2,3,A\n`, 'p.csv:3: question 3 A is already p.csv:2'],
    ['MisconceptionId,pred,ans\n', 'p.csv:1: missing column QuestionId (there are: MisconceptionId, pred, ans)'],
  ])('%j', async (text, expected) => {
    expect(await message(() => decodeCsv(text, 'p.csv'))).toBe(expected);
  });

  test.each([
    ['', /^p\.json: no JSON: /],
    ['{}', /^p\.json: an array of objects with MisconceptionId, pred, QuestionId, ans is expected$/],
    ['[1]', /an array of objects/],
    ['[{"QuestionId":1,"ans":"A","pred":{}}]', /^p\.json: row 1: pred: space-separated ids are expected$/],
    ['[{"QuestionId":1,"ans":"A","pred":[null]}]', /^p\.json: row 1: pred: 'null' is not an id$/],
    ['[{"QuestionId":[1],"ans":"A","pred":[]}]', /^p\.json: row 1: QuestionId: '1' is not a whole number$/],
  ])('%j', async (text, expected) => {
    expect(await message(() => decodeJson(text, 'p.json'))).toMatch(expected);
  });
});

const encode = (text: string) => new TextEncoder().encode(text);

/** `bytes` with one byte set, counted from the first occurrence of `pattern`. */
function withByte(bytes: Uint8Array, pattern: number[], offset: number, value: number): Uint8Array {
  const at = bytes.findIndex((_, i) => pattern.every((byte, j) => bytes[i + j] === byte));
  const out = bytes.slice();
  out[at + offset] = value;
  return out;
}

describe('damaged parquet', () => {
  test.each([
    ['nothing', new Uint8Array()],
    ['text', encode('MisconceptionId,pred,QuestionId,ans\n')],
    ['zeros', new Uint8Array(4096)],
    ['a magic number alone', encode('PAR1PAR1')],
    ['an endless footer', Uint8Array.from([...PYARROW.slice(0, -8), 255, 255, 255, 255, 80, 65, 82, 49])],
  ])('%s is refused', async (_, bytes) => {
    expect(await message(() => decodeParquet(bytes, 'p.parquet'))).toMatch(/^p\.parquet: no readable parquet file/);
  });

  test('a file cut short anywhere is refused', async () => {
    for (const whole of [PYARROW, encodeParquet(ROWS)]) {
      for (let n = 0; n < whole.length; n++) {
        expect(await message(() => decodeParquet(whole.subarray(0, n), 'p'))).toMatch(/^p: no readable parquet file/);
      }
    }
  });

  test('other columns, nested columns, other compressions and encodings are named', async () => {
    const write = (columnData: Parameters<typeof parquetWriteBuffer>[0]['columnData']) =>
      new Uint8Array(parquetWriteBuffer({ columnData }));
    const base = [
      { name: 'MisconceptionId', data: [1] },
      { name: 'pred', data: ['1 2'] },
      { name: 'QuestionId', data: [1] },
    ];
    expect(await message(() => decodeParquet(write(base), 'p'))).toBe(
      'p: missing ans (there are: MisconceptionId, pred, QuestionId)',
    );
    const delta = write([...base, { name: 'ans', data: ['A'], encoding: 'DELTA_BYTE_ARRAY' }]);
    expect(await message(() => decodeParquet(delta, 'p'))).toMatch(/^p: the column ans is encoded as DELTA_BYTE_ARRAY/);
    // In the footer: an element's repetition stands before its name (1 optional, 2 repeated), a column's compression
    // behind its path (6 is ZSTD); numbers are doubled there.
    const nested = withByte(PYARROW, [...encode('ans')], -3, 2 << 1);
    expect(await message(() => decodeParquet(nested, 'p'))).toBe(
      'p: the column ans is nested, plain values are expected',
    );
    const zstd = withByte(PYARROW, [...encode('MisconceptionId'), 0x15], 16, 6 << 1);
    expect(await message(() => decodeParquet(zstd, 'p'))).toMatch(/^p: compressed with ZSTD: write it with snappy/);
  });

  test('a run length that would fill the memory is refused before it is followed', async () => {
    const plain = new Uint8Array(
      parquetWriteBuffer({
        codec: 'UNCOMPRESSED',
        columnData: [
          { name: 'MisconceptionId', data: Array(64).fill(5) },
          { name: 'pred', data: Array(64).fill('1 2') },
          { name: 'QuestionId', data: Array.from({ length: 64 }, (_, i) => i) },
          { name: 'ans', data: Array(64).fill('A') },
        ],
      }),
    );
    expect((await decodeParquet(plain, 'p')).length).toBe(64);
    let refused = 0;
    // Every place that could hold a length becomes one of nine digits.
    for (let i = 0; i + 5 < plain.length; i++) {
      const bytes = plain.slice();
      bytes.set([0xfe, 0xff, 0xff, 0xff, 0x07], i);
      const text = await message(() => decodeParquet(bytes, 'p'));
      if (text.startsWith('p: ')) refused++;
    }
    expect(refused).toBeGreaterThan(100);
  });
});

describe('files', () => {
  let dir: string;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'lacuna-pred-'));
  });
  afterAll(() => rm(dir, { recursive: true }));

  test('the format follows the ending, and no temporary file stays', async () => {
    for (const name of ['p.parquet', 'p.csv', 'p.json']) {
      const path = join(dir, name);
      await writePredictions(path, ROWS);
      expect(await readPredictions(path)).toEqual(ROWS);
    }
    expect((await readdir(dir)).sort()).toEqual(['p.csv', 'p.json', 'p.parquet']);
    expect(new TextDecoder().decode((await readFile(join(dir, 'p.parquet'))).subarray(0, 4))).toBe('PAR1');
  });

  test('other endings, missing files and other encodings are refused', async () => {
    expect(await message(() => writePredictions(join(dir, 'p.txt'), ROWS))).toMatch(
      /p\.txt: predictions end in \.parquet, \.csv, \.json/,
    );
    expect(await message(() => readPredictions(join(dir, 'none.csv')))).toMatch(/none\.csv: no such file/);
    await writeFile(join(dir, 'bad.json'), new Uint8Array([0x5b, 0xff]));
    expect(await message(() => readPredictions(join(dir, 'bad.json')))).toMatch(/bad\.json:1: byte 1 is not UTF-8/);
  });

  test.skipIf(absent)('the published files are read', async () => {
    const rows = await readPredictions(join(SEED, 'exp010_infer_gen_fold_0_val_pred.parquet'));
    expect(rows.length).toBe(7827);
    expect(new Set(rows.map(({ pred }) => pred.length))).toEqual(new Set([50]));
    expect(rows[0].questionId).toBe(100000);
  });
});
