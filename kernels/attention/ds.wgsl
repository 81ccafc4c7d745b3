// Where ds of long texts lies, which keys.long.wgsl keeps for queries.long.wgsl: f16 in tiles of 16 keys x 16 queries, 512
// bytes in a row: each head has its texts one after the other, a text its blocks of 64 x 64 from the diagonal down, by rows
// of queries, a block its tiles by rows of keys. In vectors of 8 queries of one key. What is past a text's end, or above the
// diagonal by whole tiles, may never be written.
//
// A text that starts at row `first` of the batch starts at block row first (LONG + 64) / (64 LONG): of more than LONG
// tokens, it is at least so far from the next as it has block rows, whatever lies between. Constants: LONG, HALF (half
// as many blocks as the longest text's last rows have, so that all texts' have room), DS_HEAD (blocks a head).
fn ds_at(first: u32, head: u32, key: u32, query: u32) -> u32 {
  let row = query / 64u;
  let block = head * DS_HEAD + first * (LONG + 64u) / (64u * LONG) * HALF + row * (row + 1u) / 2u + key / 64u;
  return block * 512u + (key % 64u / 16u * 4u + query % 64u / 16u) * 32u + key % 16u * 2u + query % 16u / 8u;
}
