// attention.keys.wgsl on subgroup matrices for long texts: dk and dv. Includes backward.matrix.wgsl, which has the layouts
// and constants, and ds.wgsl, by which ds is kept for queries.long.wgsl. Scores are [keys, queries].
//
// Beside keys.matrix.wgsl half of the subgroups multiply by q alone, the others by dy alone (ROLES = 2):
//
//   role 0   s = k . q      dk = sum of ds q          role 1   dp = v . dy     dv = sum of p dy
//
// so that a subgroup has one owned matrix in registers where it had two, there are FM = 2 of 16 rows, and each that is
// loaded is multiplied twice: 18 loads (KEYS = 16) or 20 (32) for 32 multiplications, where one that does both with FM = 1
// has 36. s and dp have a place each, and a round four barriers. A thread's ds and p, of 8 columns, return to where its own
// f32 were: of four vectors that 16 columns of a row take, the second and the third.
//
// A group's heads may be left to SPLITS workgroups, for texts so few that there would be too few of them: dqkv then is
//
//   parts  f32  [SPLITS, TOKENS, 2 KV D]   dk, dv; keys.sums.wgsl adds them up
//
// Further constants: SPLITS, TOKENS.
//
// What bounds it, by count for 64 x 32 pairs of 128 channels on an H200: 870 clocks of multiplying, 700 to 770 of loading
// matrices, some 450 of staging and the scores' way; with KEYS = 16 two workgroups a processor, at 19 KiB, may overlap them.
// Measured, 4 texts x 2,048, 28 heads on 4: 1,226 us with ds kept, where keys.matrix.wgsl took 1,491.

@group(0) @binding(3) var<storage, read> along: array<f32>;
@group(0) @binding(7) var<storage, read> starts: array<u32>;
// f16, in tiles: ds.wgsl
@group(0) @binding(8) var<storage, read_write> ds_kept: array<vec4<u32>>;

// (lse, D)
var<workgroup> streamed: array<vec2<f32>, KEYS>;

/// Where a thread's eight weights of pair i go, relative to role 0's.
fn returned(row: u32, part: u32, i: u32) -> u32 {
  let column = (part * QUADS + 2u * i) * 4u;
  return S_AT + row * S_LINE + column / 16u * 4u + 1u + column % 16u / 8u;
}

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let group = wg.x / SPLITS;
  let split = wg.x % SPLITS;
  if (wg.y >= dim.x) { return; }
  let tile = tiles[wg.y];
  let end = starts[tile.w + 1u];
  let k_from = (H + group) * D8;
  let v_from = k_from + KV * D8;
  let role = t / (T / 2u);
  let sm = t % (T / 2u) / (32u * KK) * 16u * FM;
  let sn = t / 32u % KK;
  let mine = select(A_AT, B_AT, role == 1u);
  let place = S_AT + role * ROWS * S_LINE;

  // A short tile's idle rows repeat its last key and are dropped at the end.
  for (var i = 0u; i < OWN; i++) { // unroll
    let at = min(tile.x + (t + i * T) / D8, tile.y - 1u) * WIDTH + (t + i * T) % D8;
    memory[(t + i * T) / D8 * LINE + (t + i * T) % D8] = qkv[k_from + at];
  }
  workgroupBarrier();
  var own: array<subgroup_matrix_left<f16, 16, 16>, FM * KD>;
  for (var i = 0u; i < FM; i++) { // unroll
    for (var d = 0u; d < KD; d++) { // unroll
      own[i * KD + d] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&memory, (sm + i * 16u) * LINE + d * 2u, LINE);
    }
  }
  workgroupBarrier();
  for (var i = 0u; i < OWN; i++) { // unroll
    let at = min(tile.x + (t + i * T) / D8, tile.y - 1u) * WIDTH + (t + i * T) % D8;
    memory[(t + i * T) / D8 * LINE + (t + i * T) % D8] = qkv[v_from + at];
  }
  workgroupBarrier();
  if (role == 1u) {
    for (var i = 0u; i < FM; i++) { // unroll
      for (var d = 0u; d < KD; d++) { // unroll
        own[i * KD + d] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&memory, (sm + i * 16u) * LINE + d * 2u, LINE);
      }
    }
  }

  let row = t / 32u * OWN_ROWS + t % OWN_ROWS;
  let part = t % 32u / OWN_ROWS;
  var head = group * (H / KV) + split * (H / KV) / SPLITS;
  let heads_end = group * (H / KV) + (split + 1u) * (H / KV) / SPLITS;
  var base = tile.x;
  // Past the end the last query is repeated: it is masked, and finite.
  var q: array<vec4<u32>, LOADS>;
  var g: array<vec4<u32>, LOADS>;
  for (var i = 0u; i < LOADS; i++) { // unroll
    let query = min(base + (t + i * T) / D8, end - 1u);
    q[i] = qkv[query * WIDTH + head * D8 + (t + i * T) % D8];
    g[i] = dy[(query * H + head) * D8 + (t + i * T) % D8];
  }
  workgroupBarrier();
  // dk or dv
  var sums: array<subgroup_matrix_result<f32, 16, 16>, FM * FD>;
  // All queries of one head, then of the next of this workgroup's share of the group.
  while (head < heads_end) {
    for (var i = 0u; i < LOADS; i++) { // unroll
      memory[A_AT + (t + i * T) / D8 * LINE + (t + i * T) % D8] = q[i];
      memory[B_AT + (t + i * T) / D8 * LINE + (t + i * T) % D8] = g[i];
    }
    if (t < KEYS) {
      let at = min(base + t, end - 1u) * H + head;
      streamed[t] = vec2(lse[at], along[at]);
    }
    workgroupBarrier();
    let last = base + KEYS >= end;
    let next = select(base + KEYS, tile.x, last);
    let next_head = min(head + u32(last), H - 1u);
    for (var i = 0u; i < LOADS; i++) { // unroll
      let query = min(next + (t + i * T) / D8, end - 1u);
      q[i] = qkv[query * WIDTH + next_head * D8 + (t + i * T) % D8];
      g[i] = dy[(query * H + next_head) * D8 + (t + i * T) % D8];
    }
    // s or dp
    var products: array<subgroup_matrix_result<f32, 16, 16>, FM>;
    for (var i = 0u; i < FM; i++) { // unroll
      products[i] = subgroup_matrix_result<f32, 16, 16>();
    }
    for (var d = 0u; d < KD; d++) { // unroll
      let b = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&memory, mine + sn * 16u * LINE + d * 2u, LINE);
      for (var i = 0u; i < FM; i++) { // unroll
        products[i] = subgroupMatrixMultiplyAccumulate(own[i * KD + d], b, products[i]);
      }
    }
    for (var i = 0u; i < FM; i++) { // unroll
      subgroupMatrixStore<row_major>(&memory, place + (sm + i * 16u) * S_LINE + sn * 4u, products[i], S_LINE);
    }
    workgroupBarrier();
    var p: array<vec4<f32>, QUADS>;
    var ds: array<vec4<f32>, QUADS>;
    for (var i = 0u; i < QUADS; i++) { // unroll
      let x = bitcast<vec4<f32>>(memory[score(row, part, i)]) * SCALE;
      let dp = bitcast<vec4<f32>>(memory[ROWS * S_LINE + score(row, part, i)]);
      for (var j = 0u; j < FOUR; j++) { // unroll
        let n = (part * QUADS + i) * 4u + j;
        let o = streamed[n];
        p[i][j] = select(0.0, exp2(x[j] - o.x), base + n < end && tile.x + row <= base + n);
        ds[i][j] = p[i][j] * (dp[j] - o.y);
      }
    }
    for (var i = 0u; i < PAIRS; i++) { // unroll
      let at = returned(row, part, i);
      let gradient = halves(ds[2u * i], ds[2u * i + 1u]);
      memory[at] = gradient;
      memory[ROWS * S_LINE + at] = halves(p[2u * i], p[2u * i + 1u]);
      ds_kept[ds_at(tile.z, head, tile.x + row - tile.z, base + (part * QUADS + 2u * i) * 4u - tile.z)] = gradient;
    }
    workgroupBarrier();
    for (var n = 0u; n < KK; n++) { // unroll
      var a: array<subgroup_matrix_left<f16, 16, 16>, FM>;
      for (var i = 0u; i < FM; i++) { // unroll
        a[i] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&memory, place + (sm + i * 16u) * S_LINE + n * 4u + 1u, S_LINE);
      }
      for (var j = 0u; j < FD; j++) { // unroll
        let b = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&memory, mine + n * 16u * LINE + sn * (D8 / KK) + j * 2u, LINE);
        for (var i = 0u; i < FM; i++) { // unroll
          sums[i * FD + j] = subgroupMatrixMultiplyAccumulate(a[i], b, sums[i * FD + j]);
        }
      }
    }
    workgroupBarrier();
    base = next;
    head += u32(last);
  }

  for (var j = 0u; j < FD; j++) { // unroll
    for (var i = 0u; i < FM; i++) { // unroll
      subgroupMatrixStore<row_major>(&memory, place + (sm + i * 16u) * S_LINE + sn * 4u, sums[i * FD + j], S_LINE);
    }
    workgroupBarrier();
    for (var i = t; i < 2u * ROWS * ACROSS; i += T) {
      let second = i / (ROWS * ACROSS);
      let at = tile.x + i / ACROSS % ROWS;
      if (at >= tile.y) { continue; }
      if (SPLITS > 1u) {
        let to = ((split * TOKENS + at) * 2u * KV + second * KV + group) * 2u * D8 + 2u * channel(i, j);
        let sum = S_AT + i / ACROSS * S_LINE + i % ACROSS * 2u;
        dqkv[to] = memory[sum];
        dqkv[to + 1u] = memory[sum + 1u];
      } else {
        dqkv[at * WIDTH + k_from + second * KV * D8 + channel(i, j)] = finished(i, select(INVERSE_ROOT, 1.0, second == 1u));
      }
    }
    workgroupBarrier();
  }
}
