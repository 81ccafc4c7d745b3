import { describe, expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { cellInteger, excerpt, formatCsv, parseCsv, requireColumns } from './csv.ts';
import { decodeUtf8 } from './utf8.ts';

const message = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return 'no error';
};

const lines = (text: string) => parseCsv(text, 'f.csv').rows.map(({ line }) => line);
const cells = (text: string) => parseCsv(text, 'f.csv').rows.map((row) => ({ ...row.cells }));

describe('parseCsv', () => {
  test('keeps newlines, quotes and spaces within cells', () => {
    expect(cells('a,b\n" x ","1\n""2"""\n')).toEqual([{ a: ' x ', b: '1\n"2"' }]);
  });

  test.each([
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['CR', '\r'],
  ])('gives every record the line of the file it starts on (%s)', (_, end) => {
    expect(lines(['a,b', '1,"x', '', 'y"', '2,z', '', '3,"w"'].join(end))).toEqual([2, 5, 7]);
  });

  test('reads files whose line ends differ from line to line', () => {
    expect(cells('a,b\r\n1,2\n3,4\r\n')).toEqual([
      { a: '1', b: '2' },
      { a: '3', b: '4' },
    ]);
  });

  test('accepts a header alone, and a last line without an end', () => {
    expect(cells('a,b\n')).toEqual([]);
    expect(cells('a,b\n1,2')).toEqual([{ a: '1', b: '2' }]);
  });

  test('a column may be called anything', () => {
    expect(parseCsv('__proto__,constructor\n1,2\n', 'f.csv').rows[0].cells.constructor).toBe('2');
  });

  test('a cell of 100,000 characters', () => {
    const text = 'x"y\n'.repeat(25_000);
    expect(cells(formatCsv(['a', 'b'], [[text, 1]]))).toEqual([{ a: text, b: '1' }]);
  });

  test.each([
    ['', 'f.csv: empty, a header row is expected'],
    ['\n\n', 'f.csv: empty, a header row is expected'],
    ['a,b,a\n', 'f.csv:1: the column a appears twice'],
    ['a,b\n1,"x\ny"\n2\n', 'f.csv:4:a: 1 cells, the header has 2'],
    ['a,"b\nc"\n1,2,3\n', 'f.csv:3:b\\nc: 3 cells, the header has 2'],
    ['a,b\n1,2,3\n', 'f.csv:2:b: 3 cells, the header has 2'],
    ['a,b\n1,2\n\n3,"x\n4,5\n', 'f.csv:4:b: the quote that opens here is never closed'],
    ['"a,b\n', 'f.csv:1:cell 1: the quote that opens here is never closed'],
    ['a,b\n1,"x"y\n', 'f.csv:2:b: text follows a closing quote: quotes within a quoted cell are doubled ("")'],
    [
      'a,b\n1,x"y"\n',
      'f.csv:2:b: a quote within an unquoted cell: put the whole cell in quotes and double those within ("")',
    ],
  ])('%j is refused', (text, expected) => {
    expect(message(() => parseCsv(text, 'f.csv'))).toBe(expected);
  });

  test('names missing columns and those there are', () => {
    const table = parseCsv('a,b\n', 'f.csv');
    expect(message(() => requireColumns(table, ['a', 'c', 'd']))).toBe(
      'f.csv:1: missing columns c, d (there are: a, b)',
    );
  });
});

describe('cellInteger', () => {
  const table = parseCsv('n,x\n12,\n12.0,\n,x\n 7 ,\n', 'f.csv');
  test('integers, integers as floats, blanks', () => {
    expect(table.rows.map((row) => cellInteger(table, row, 'n'))).toEqual([12, 12, undefined, 7]);
  });

  test.each(['NaN', '1.5', '-1', '1e3', '0x10', '9'.repeat(20), 'twelve'])('%s is refused', (cell) => {
    const bad = parseCsv(`n\n${cell}\n`, 'f.csv');
    expect(message(() => cellInteger(bad, bad.rows[0], 'n'))).toBe(
      `f.csv:2:n: '${cell}' is not a whole number of 0 or more`,
    );
  });
});

test('formatCsv quotes what needs it', () => {
  expect(
    formatCsv(
      ['a', 'b'],
      [
        ['x,y', 'say "hi"'],
        [undefined, 'two\nlines'],
        [1.5, ' plain '],
      ],
    ),
  ).toBe('a,b\n"x,y","say ""hi"""\n,"two\nlines"\n1.5, plain \n');
});

test('excerpt is one line of bounded length', () => {
  expect(excerpt('a\nb')).toBe('a\\nb');
  expect(excerpt('x'.repeat(100_000))).toBe(`${'x'.repeat(40)}…`);
});

describe('decodeUtf8', () => {
  const encode = (text: string) => new TextEncoder().encode(text);
  test('drops a byte order mark and keeps everything else', () => {
    expect(decodeUtf8(encode('\uFEFFa,✕\n\uFFFD'), 'f.csv')).toBe('a,✕\n\uFFFD');
  });

  test.each([
    ['a Latin-1 letter', [0xe9], 4],
    ['a lone continuation byte', [0x80], 4],
    ['an overlong form', [0xc0, 0xaf], 4],
    ['a surrogate', [0xed, 0xa0, 0x80], 4],
    ['a character cut short', [0xe2, 0x82], 4],
  ])('%s is refused with its line and byte', (_, bad, offset) => {
    const bytes = new Uint8Array([...encode('a\nb,'), ...bad]);
    expect(message(() => decodeUtf8(bytes, 'f.csv'))).toBe(
      `f.csv:2: byte ${offset} is not UTF-8: save the file as UTF-8`,
    );
  });

  test('a true U+FFFD and a mark before the bad byte do not mislead', () => {
    const bytes = new Uint8Array([...encode('\uFEFF\uFFFD\n\uFFFD'), 0xff]);
    expect(message(() => decodeUtf8(bytes, 'f.csv'))).toBe('f.csv:2: byte 10 is not UTF-8: save the file as UTF-8');
  });
});
