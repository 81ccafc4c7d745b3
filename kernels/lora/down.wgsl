// H[m, j] = GAIN · Σk kept(x)[m, k] A[j, k]: an adapter's first product, and beside it x in tiles, from one pass over x. On
// subgroup matrices (tensor cores): f16 x f16 -> f32, 16 x 16 x 16, sums in f32, in one order whatever the rows.
//
//   x        f16 [M, K]                   K a multiple of 16
//   a        f32 [RANKS, K]               staged as f16; RANKS a multiple of 16
//   h        f32 [M, RANKS]               written where KEEP_H
//   h_tiles  f16 in tiles [M16, RANKS]    H as linear.tall.update.wgsl reads it, where TILE_H: tiles.wgsl has the layout
//   x_tiles  f16 in tiles [M16, K]        x, with nothing dropped, where TILE_X
//   dim.x    rows, at most M; of no output is anything written from there on
//   shape    shape.backward.wgsl; kept() is down.dropout.wgsl or down.whole.wgsl
//
// A workgroup makes all of H for BM rows, BK of k at a time: what a step reads goes through workgroup memory, where A
// becomes f16 and x loses what is dropped, and what the next one reads is on its way while this one is multiplied. Its
// subgroups are COLS sets of columns of H times SLICES of every step's sixteens of k; at the end the slices meet in workgroup
// memory, 16 rows at a time, and are added in order. A mask keeps or drops halves as they are, and GAIN multiplies sums.
//
// Bound by what a processor reads, by count: A whole for each workgroup, 4 RANKS bytes for each k, as 2 BM of x, so that
// down.ts takes as many rows as leave no processor idle; and with few ranks by how long a read takes, once for each step.
//
// Loops marked `unroll` are written out by down.ts, which also says what follows from the plan. Constants: K, RANKS, BM, BK,
// COLS, SLICES, T, FM, FN, KK, X_LOADS, A_LOADS, STAGE, KEEP_H, TILE_H, TILE_X.

const PARTS = BK / 8u;             // vectors in a row of the stage
const LINE = PARTS + 1u;           // and from one to the next, padded against bank conflicts
const X_UNITS = BM * PARTS;
const A_UNITS = RANKS * PARTS;
const A_AT = BM * LINE;
const STRIP = RANKS / 4u + 2u;     // vectors in a row of sums, padded too
const TAIL = K % BK != 0u;

@group(0) @binding(0) var<storage, read> x: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> a: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> h: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> dim: vec4<u32>;
@group(0) @binding(5) var<storage, read_write> h_tiles: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read_write> x_tiles: array<vec4<u32>>;

var<workgroup> stage: array<vec4<u32>, STAGE>;

/// Row and vector of unit u of a step: 32 neighbours are four rows of 128 bytes, whole lines of x and of its tiles alike.
fn place(u: u32) -> vec2<u32> {
  let block = u / 32u;
  return vec2(block / (BK / 64u) * 4u + u % 32u / 8u, block % (BK / 64u) * 8u + u % 8u);
}

/// A step's vector in a row of K, the last one where it is past the end: there x is staged as zero, and A is finite.
fn vector(k0: u32, part: u32) -> u32 { return select(k0 / 8u + part, min(k0 / 8u + part, K / 8u - 1u), TAIL); }

fn read_x(m0: u32, k0: u32, u: u32, rows: u32) -> vec4<u32> {
  let at = place(u);
  return x[min(m0 + at.x, rows - 1u) * (K / 8u) + vector(k0, at.y)];
}

fn read_a(k0: u32, u: u32) -> mat2x4<f32> {
  let at = place(u);
  let i = (min(at.x, RANKS - 1u) * (K / 8u) + vector(k0, at.y)) * 2u;
  return mat2x4(a[i], a[i + 1u]);
}

fn stage_x(m0: u32, k0: u32, u: u32, rows: u32, raw: vec4<u32>) {
  let at = place(u);
  let m = m0 + at.x;
  let k = k0 + at.y * 8u;
  let inside = !TAIL || k < K;
  stage[at.x * LINE + at.y] = select(vec4(0u), kept(m, k, raw), inside);
  if (TILE_X && m < rows && inside) { x_tiles[in_tiles(m, k / 8u, K)] = raw; }
}

fn stage_a(u: u32, raw: mat2x4<f32>) {
  let at = place(u);
  stage[A_AT + at.x * LINE + at.y] = halves(raw);
}

/// Where eight numbers of a row lie in tiles of rows of `width`.
fn in_tiles(m: u32, v: u32, width: u32) -> u32 { return (m / 16u * (width / 16u) + v / 2u) * 32u + m % 16u * 2u + v % 2u; }

fn halves(v: mat2x4<f32>) -> vec4<u32> {
  return vec4(bitcast<vec2<u32>>(vec4<f16>(v[0])), bitcast<vec2<u32>>(vec4<f16>(v[1])));
}

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let rows = dim.x;
  let m0 = (wg.x + wg.y * groups.x) * BM;
  if (m0 >= rows) { return; }
  let slice = t / 32u / COLS;
  let n1 = t / 32u % COLS * (FN * 16u);
  var xs: array<vec4<u32>, X_LOADS>;
  var ws: array<mat2x4<f32>, A_LOADS>;
  for (var i = 0u; i < X_LOADS; i++) { // unroll
    xs[i] = read_x(m0, 0u, t + i * T, rows);
  }
  for (var i = 0u; i < A_LOADS; i++) { // unroll
    ws[i] = read_a(0u, t + i * T);
  }
  var acc: array<subgroup_matrix_result<f32, 16, 16>, FM * FN>;
  var left: array<subgroup_matrix_left<f16, 16, 16>, FM>;

  for (var k0 = 0u; k0 < K; k0 += BK) {
    for (var i = 0u; i < X_LOADS; i++) { // unroll
      if (X_UNITS % T == 0u || t + i * T < X_UNITS) { stage_x(m0, k0, t + i * T, rows, xs[i]); }
    }
    for (var i = 0u; i < A_LOADS; i++) { // unroll
      if (A_UNITS % T == 0u || t + i * T < A_UNITS) { stage_a(t + i * T, ws[i]); }
    }
    workgroupBarrier();
    if (k0 + BK < K) {
      for (var i = 0u; i < X_LOADS; i++) { // unroll
        xs[i] = read_x(m0, k0 + BK, t + i * T, rows);
      }
      for (var i = 0u; i < A_LOADS; i++) { // unroll
        ws[i] = read_a(k0 + BK, t + i * T);
      }
    }
    for (var s = 0u; s < KK; s++) { // unroll
      let v = (s * SLICES + slice) * 2u;
      for (var i = 0u; i < FM; i++) { // unroll
        left[i] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&stage, i * 16u * LINE + v, LINE);
      }
      for (var j = 0u; j < FN; j++) { // unroll
        let right = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&stage, A_AT + (n1 + j * 16u) * LINE + v, LINE);
        for (var i = 0u; i < FM; i++) { // unroll
          acc[i * FN + j] = subgroupMatrixMultiplyAccumulate(left[i], right, acc[i * FN + j]);
        }
      }
    }
    workgroupBarrier();
  }

  for (var i = 0u; i < FM; i++) { // unroll
    for (var j = 0u; j < FN; j++) { // unroll
      subgroupMatrixStore<row_major>(&stage, slice * 16u * STRIP + n1 / 4u + j * 4u, acc[i * FN + j], STRIP);
    }
    workgroupBarrier();
    for (var u = t; u < 2u * RANKS; u += T) {
      let row = u / (RANKS / 8u);
      let v = u % (RANKS / 8u);
      var sum = mat2x4<f32>();
      for (var s = 0u; s < SLICES; s++) {
        let at = (s * 16u + row) * STRIP + v * 2u;
        sum += mat2x4(bitcast<vec4<f32>>(stage[at]), bitcast<vec4<f32>>(stage[at + 1u]));
      }
      sum *= shape.GAIN;
      let m = m0 + i * 16u + row;
      if (KEEP_H && m < rows) {
        h[m * (RANKS / 4u) + v * 2u] = sum[0];
        h[m * (RANKS / 4u) + v * 2u + 1u] = sum[1];
      }
      if (TILE_H && m < rows) { h_tiles[in_tiles(m, v, RANKS)] = halves(sum); }
    }
    workgroupBarrier();
  }
}
