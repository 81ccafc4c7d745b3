/**
 * Mutated files: whatever is done to them, the parsers return or throw a UserError of one line, and soon.
 * Seeded: a failure names its number. LACUNA_FUZZ_SECONDS sets the length (5 s by default), shared by all parsers.
 */
import process from 'node:process';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { parseFolds } from './folds.ts';
import type { PredictionRow } from './prediction_table.ts';
import { decodeCsv, decodeJson, decodeParquet, encodeCsv, encodeJson, encodeParquet } from './prediction_table.ts';
import { PYARROW } from './pyarrow_fixture.ts';
import { parseQuestions } from './questions.ts';
import { uniform } from './random.ts';
import { parseRationales } from './rationales.ts';
import { parseTaxonomy } from './taxonomy.ts';
import { decodeUtf8 } from './utf8.ts';

const SECONDS = Number(process.env.LACUNA_FUZZ_SECONDS ?? 5);
/** No file of these sizes may keep a parser busy for longer, on a machine that is busy itself. */
const PATIENCE_MS = 5000;

/** Bytes that mean something to some parser: quotes, separators, ends, signs, lengths. */
const TELLING = [
  0, 1, 2, 0x0a, 0x0d, 0x20, 0x22, 0x2c, 0x2e, 0x2d, 0x30, 0x5b, 0x7b, 0x7f, 0x80, 0xc0, 0xef, 0xfe, 0xff,
];

function mutate(bytes: Uint8Array, random: () => number): Uint8Array {
  const below = (n: number) => Math.floor(random() * n);
  let out = Array.from(bytes);
  for (let edits = 1 + below(4); edits > 0; edits--) {
    const at = below(out.length + 1);
    const length = below(random() < 0.5 ? 4 : out.length - at + 1);
    const edit = below(7);
    if (edit === 0) out[at] = (out[at] ?? 0) ^ (1 << below(8));
    else if (edit === 1) out[at] = TELLING[below(TELLING.length)];
    else if (edit === 2) out.splice(at, length);
    else if (edit === 3) out.splice(at, 0, ...out.slice(at, at + length));
    else if (edit === 4) out.splice(at, 0, TELLING[below(TELLING.length)]);
    else if (edit === 5) for (let i = 0; i < 5; i++) out[at + i] = i < 4 ? 0xff : below(16);
    else if (random() < 0.1) out = out.slice(0, at);
  }
  return Uint8Array.from(out, (byte) => byte ?? 0);
}

async function fuzz(seconds: number, samples: Uint8Array[], parse: (bytes: Uint8Array) => unknown): Promise<void> {
  const end = performance.now() + seconds * 1000;
  let refused = 0;
  let n = 0;
  for (; performance.now() < end || n < 50; n++) {
    const bytes = mutate(samples[n % samples.length], uniform(n));
    const start = performance.now();
    try {
      await parse(bytes);
    } catch (error) {
      if (!(error instanceof UserError)) throw new Error(`mutation ${n}: ${(error as Error).stack}`);
      if (error.message.includes('\n')) throw new Error(`mutation ${n}: more than a line: ${error.message}`);
      refused++;
    }
    const took = performance.now() - start;
    if (took > PATIENCE_MS) throw new Error(`mutation ${n} took ${Math.round(took)} ms`);
  }
  expect(refused).toBeGreaterThan(0);
}

const encode = (text: string) => new TextEncoder().encode(text);

const rows: PredictionRow[] = Array.from({ length: 12 }, (_, i) => ({
  questionId: i >> 1,
  answer: i % 2 ? 'A' : 'C',
  label: i % 3 ? i : undefined,
  pred: [i, i + 1, i + 2],
}));

const plainParquet = new Uint8Array(
  parquetWriteBuffer({
    codec: 'UNCOMPRESSED',
    columnData: [
      { name: 'MisconceptionId', data: Array.from({ length: 40 }, (_, i) => i % 3) },
      { name: 'pred', data: Array.from({ length: 40 }, (_, i) => `${i % 3} 7 9`) },
      { name: 'QuestionId', data: Array.from({ length: 40 }, (_, i) => i) },
      { name: 'ans', data: Array(40).fill('A') },
    ],
  }),
);

const QUESTIONS = `QuestionId,ConstructName,SubjectName,CorrectAnswer,QuestionText,AnswerAText,AnswerBText,AnswerCText,AnswerDText,MisconceptionAId,MisconceptionBId,MisconceptionCId,MisconceptionDId
1,c,s,A,"q ""1""
\\[ 1 \\]",a,b,c,d,,4.0,,
2,é ✕,s,B,q2,"a, b",b,c,d,9,,,4
`;
const taxonomy = { ids: [4, 9], names: ['x', 'y'] };

describe('only UserErrors come out of', () => {
  test(
    'CSV tables',
    async () => {
      const tables = [
        encode(QUESTIONS),
        encode('MisconceptionId,MisconceptionName\n4,"x, y"\n9,z\r\n10.0,"a\n""b"""\n'),
        encode('QuestionId,fold\n1,0\n2,1\n'),
        encode('QuestionId,Answer,Rationale\n1,A,"because\nso"\n2,B,x\n'),
        encode(encodeCsv(rows)),
      ];
      const parsers = [
        (text: string) => parseQuestions(text, 'f', { labels: 'required', taxonomy }),
        (text: string) => parseTaxonomy(text, 'f'),
        (text: string) => parseFolds(text, 'f'),
        (text: string) => parseRationales(text, 'f'),
        (text: string) => decodeCsv(text, 'f'),
      ];
      let turn = 0;
      await fuzz(SECONDS * 0.35, tables, (bytes) => parsers[turn++ % parsers.length](decodeUtf8(bytes, 'f')));
    },
    (SECONDS + 60) * 1000,
  );

  test(
    'JSON predictions',
    async () => {
      await fuzz(SECONDS * 0.15, [encode(encodeJson(rows))], (bytes) => decodeJson(decodeUtf8(bytes, 'f'), 'f'));
    },
    (SECONDS + 60) * 1000,
  );

  test(
    'parquet predictions',
    async () => {
      await fuzz(SECONDS * 0.5, [encodeParquet(rows), plainParquet, PYARROW], (bytes) => decodeParquet(bytes, 'f'));
    },
    (SECONDS + 60) * 1000,
  );
});
