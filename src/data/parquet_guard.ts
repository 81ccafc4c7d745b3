/**
 * A look at a parquet file's pages before hyparquet decodes them. hyparquet believes a run's length: four damaged
 * bytes that say "two thousand million times the value 7" end the process for want of memory, which nothing can
 * catch. So the lengths that decoding would follow are checked first: pages within their column, sizes within what
 * snappy can reach, run lengths within the number of rows.
 */
import type { ColumnMetaData, DataReader, FileMetaData } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { decompressPage } from 'hyparquet/src/datapage.js';
import { readVarInt } from 'hyparquet/src/thrift.js';
import { UserError } from '../errors.ts';

/** Rankings of a million wrong options are no small file any more. */
const MAX_ROWS = 1_000_000;
/** No run of snappy's makes more than 64 bytes of 3. */
const SNAPPY_RATIO = 64;
/** A page header is some tens of bytes, with statistics some hundreds; a number in it must not be megabytes long. */
const MAX_HEADER = 1 << 16;

type PageHeader = ReturnType<typeof parquetHeader>;

/** Throws a UserError naming `file` and the column, or any other error that hyparquet throws on damage. */
export function checkPages(bytes: Uint8Array, metadata: FileMetaData, columns: readonly string[], file: string): void {
  const rows = metadata.row_groups.reduce((n, group) => n + Number(group.num_rows), 0);
  if (!(rows >= 0 && rows <= MAX_ROWS && Number(metadata.num_rows) === rows)) {
    throw new UserError(`${file}: says it has ${metadata.num_rows} rows: damaged, or more than ${MAX_ROWS}`);
  }
  for (const group of metadata.row_groups) {
    for (const { meta_data: column } of group.columns) {
      if (!column || !columns.includes(column.path_in_schema[0])) continue;
      const optional = isOptional(metadata, column, file);
      checkColumn(bytes, column, { rows: Number(group.num_rows), optional, file });
    }
  }
}

interface Expected {
  rows: number;
  optional: boolean;
  file: string;
}

function isOptional({ schema }: FileMetaData, { path_in_schema: path }: ColumnMetaData, file: string): boolean {
  const element = schema.find(({ name }) => name === path[0]);
  if (path.length !== 1 || !element || element.repetition_type === 'REPEATED' || schema[0].name === path[0]) {
    throw new UserError(`${file}: the column ${path.join('.')} is nested, plain values are expected`);
  }
  return element.repetition_type === 'OPTIONAL';
}

function checkColumn(bytes: Uint8Array, column: ColumnMetaData, expected: Expected): void {
  const { file, rows } = expected;
  const name = column.path_in_schema[0];
  const damaged = (what: string) => new UserError(`${file}: damaged: the column ${name} ${what}`);
  if (column.codec !== 'SNAPPY' && column.codec !== 'UNCOMPRESSED') {
    throw new UserError(`${file}: compressed with ${column.codec}: write it with snappy, the default of pandas`);
  }
  const start = Number(column.dictionary_page_offset || column.data_page_offset);
  const end = start + Number(column.total_compressed_size);
  if (!(start >= 0 && start <= end && end <= bytes.length)) throw damaged('lies outside the file');

  let values = 0;
  for (let offset = start; offset < end - 1 && values < rows; ) {
    const header = readHeader(bytes.subarray(offset, end));
    offset += header.length;
    const { compressed_page_size: size, uncompressed_page_size: full } = header.page;
    if (!(size >= 0 && size <= end - offset)) throw damaged('has a page that leaves it');
    if (!(full >= 0 && full <= SNAPPY_RATIO * size + 64)) throw damaged('has a page of an impossible size');
    const page = bytes.subarray(offset, offset + size);
    const count = valueCount(header.page);
    if (!(count >= 0 && count <= (header.page.type === 'DICTIONARY_PAGE' ? full : rows - values))) {
      throw damaged(`has a page of ${count} values`);
    }
    if (header.page.type !== 'DICTIONARY_PAGE') {
      checkRuns(page, header.page, column, expected);
      values += count;
    }
    offset += size;
  }
  if (values !== rows) throw damaged(`has ${values} values for ${rows} rows`);
}

function readHeader(bytes: Uint8Array): { page: PageHeader; length: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, MAX_HEADER));
  const reader: DataReader = { view, offset: 0 };
  return { page: parquetHeader(reader), length: reader.offset };
}

const valueCount = (page: PageHeader): number =>
  Number((page.data_page_header ?? page.data_page_header_v2 ?? page.dictionary_page_header)?.num_values);

/** Checks the run lengths of a data page: of its definition levels and of its dictionary indices. */
function checkRuns(bytes: Uint8Array, header: PageHeader, column: ColumnMetaData, expected: Expected): void {
  const { data_page_header: v1, data_page_header_v2: v2, uncompressed_page_size } = header;
  const encoding = (v1 ?? v2)?.encoding;
  if (encoding !== 'PLAIN' && encoding !== 'PLAIN_DICTIONARY' && encoding !== 'RLE_DICTIONARY') {
    throw new UserError(
      `${expected.file}: the column ${column.path_in_schema[0]} is encoded as ${encoding}: write it with the defaults of pandas`,
    );
  }
  let nulls = 0;
  let values: DataReader;
  if (header.type === 'DATA_PAGE_V2' && v2) {
    const levels = v2.definition_levels_byte_length;
    if (v2.repetition_levels_byte_length !== 0 || !(levels >= 0 && levels <= bytes.length)) {
      throw new RangeError('levels outside the page');
    }
    if (expected.optional) nulls = v2.num_values - countOnes(readerOf(bytes.subarray(0, levels)), v2.num_values);
    if (nulls !== v2.num_nulls) throw new RangeError('null count');
    const rest = bytes.subarray(levels);
    const size = uncompressed_page_size - levels;
    values = readerOf(v2.is_compressed === false ? rest : decompressPage(rest, size, column.codec, undefined));
  } else if (header.type === 'DATA_PAGE' && v1) {
    values = readerOf(decompressPage(bytes, uncompressed_page_size, column.codec, undefined));
    if (expected.optional) {
      const length = values.view.getUint32(0, true);
      values.offset = 4;
      nulls = v1.num_values - countOnes(values, v1.num_values);
      values.offset = 4 + length;
    }
  } else {
    throw new RangeError(`page type ${header.type}`);
  }
  if (encoding === 'PLAIN') return;
  const count = valueCount(header) - nulls;
  const width = values.view.getUint8(values.offset++);
  if (width > 32) throw new RangeError('bit width');
  // Width 0 needs no runs: every value is the first of the dictionary.
  if (width > 0) walkRuns(values, width, count, () => {});
}

const readerOf = (bytes: Uint8Array): DataReader => ({
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  offset: 0,
});

/** How many of `count` one-bit levels are 1. */
function countOnes(reader: DataReader, count: number): number {
  let ones = 0;
  walkRuns(reader, 1, count, (length, packed, offset) => {
    for (let i = 0; i < length; i++)
      ones += (reader.view.getUint8(packed ? offset + (i >> 3) : offset) >> (packed ? i & 7 : 0)) & 1;
  });
  return ones;
}

/** Walks the runs of the RLE and bit-packing hybrid up to `count` values; throws where one is longer than what is left. */
function walkRuns(
  reader: DataReader,
  width: number,
  count: number,
  visit: (length: number, packed: boolean, offset: number) => void,
): void {
  for (let seen = 0; seen < count; ) {
    const header = readVarInt(reader);
    const packed = (header & 1) === 1;
    const length = packed ? (header >>> 1) * 8 : header >>> 1;
    // A bit-packed run is padded to whole groups of eight.
    if (length > count - seen + (packed ? 7 : 0)) throw new RangeError('run length');
    visit(Math.min(length, count - seen), packed, reader.offset);
    reader.offset += packed ? (header >>> 1) * width : (width + 7) >> 3;
    seen += length;
  }
}
