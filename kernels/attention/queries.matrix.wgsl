// attention.queries.wgsl on subgroup matrices: dq, and D, which keys.matrix.wgsl reads. Includes
// backward.matrix.wgsl, which has the layouts and constants.

@group(0) @binding(3) var<storage, read_write> along: array<f32>;
@group(0) @binding(7) var<storage, read> y: array<vec4<u32>>;

// Where dp has no place of its own it takes that of V, which is done with then, if it is large enough; else that of the
// scores.
const IN_V = !APART && ROWS * S_LINE <= KEYS * LINE;
const DP_PLACE = select(DP_AT, B_AT, IN_V);

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let head = wg.x;
  let tile = tiles[dim.x - 1u - wg.y];
  let first = tile.x + wg.z * ROWS;
  if (first >= tile.y) { return; }
  let keys = min(first + ROWS, tile.y) - tile.z;
  let k_from = tile.z * WIDTH + (H + head * KV / H) * D8;
  let v_from = k_from + KV * D8;
  let sm = t / 64u * 16u * FM;
  let sn = t / 32u % 2u;

  // A short tile's idle rows repeat its last query and are dropped at the end.
  for (var i = 0u; i < OWN; i++) { // unroll
    let at = min(first + (t + i * T) / D8, tile.y - 1u);
    memory[(t + i * T) / D8 * LINE + (t + i * T) % D8] = qkv[at * WIDTH + head * D8 + (t + i * T) % D8];
  }
  workgroupBarrier();
  var q: array<subgroup_matrix_left<f16, 16, 16>, FM * KD>;
  for (var i = 0u; i < FM; i++) { // unroll
    for (var d = 0u; d < KD; d++) { // unroll
      q[i * KD + d] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&memory, (sm + i * 16u) * LINE + d * 2u, LINE);
    }
  }
  workgroupBarrier();
  for (var i = 0u; i < OWN; i++) { // unroll
    let at = min(first + (t + i * T) / D8, tile.y - 1u);
    memory[(t + i * T) / D8 * LINE + (t + i * T) % D8] = dy[(at * H + head) * D8 + (t + i * T) % D8];
  }
  workgroupBarrier();
  var g: array<subgroup_matrix_left<f16, 16, 16>, FM * KD>;
  for (var i = 0u; i < FM; i++) { // unroll
    for (var d = 0u; d < KD; d++) { // unroll
      g[i * KD + d] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&memory, (sm + i * 16u) * LINE + d * 2u, LINE);
    }
  }

  // The query whose weights this thread makes, and its share of the keys; lanes OWN_ROWS apart have the others.
  let row = t / 32u * OWN_ROWS + t % OWN_ROWS;
  let part = t % 32u / OWN_ROWS;
  let own = min(first + row, tile.y - 1u);
  var own_d = 0.0;
  for (var c = part * (D8 / PARTS); c < (part + 1u) * (D8 / PARTS); c++) {
    own_d += dot8(dy[(own * H + head) * D8 + c], y[(own * H + head) * D8 + c]);
  }

  for (var mask = OWN_ROWS; mask < 32u; mask *= 2u) { own_d += subgroupShuffleXor(own_d, mask); }
  let own_lse = lse[own * H + head];
  if (part == 0u && first + row < tile.y) { along[own * H + head] = own_d; }

  var k: array<vec4<u32>, LOADS>;
  var v: array<vec4<u32>, LOADS>;
  for (var i = 0u; i < LOADS; i++) { // unroll
    let at = min((t + i * T) / D8, keys - 1u) * WIDTH + (t + i * T) % D8;
    k[i] = qkv[k_from + at];
    v[i] = qkv[v_from + at];
  }
  workgroupBarrier();
  var dq: array<subgroup_matrix_result<f32, 16, 16>, FM * FD>;
  for (var base = 0u; base < keys; base += KEYS) {
    for (var i = 0u; i < LOADS; i++) { // unroll
      memory[A_AT + (t + i * T) / D8 * LINE + (t + i * T) % D8] = k[i];
      memory[B_AT + (t + i * T) / D8 * LINE + (t + i * T) % D8] = v[i];
    }
    workgroupBarrier();
    for (var i = 0u; i < LOADS; i++) { // unroll
      let at = min(base + KEYS + (t + i * T) / D8, keys - 1u) * WIDTH + (t + i * T) % D8;
      k[i] = qkv[k_from + at];
      v[i] = qkv[v_from + at];
    }
    var s: array<subgroup_matrix_result<f32, 16, 16>, FM>;
    var dp: array<subgroup_matrix_result<f32, 16, 16>, FM>;
    for (var i = 0u; i < FM; i++) { // unroll
      s[i] = subgroup_matrix_result<f32, 16, 16>();
      dp[i] = subgroup_matrix_result<f32, 16, 16>();
    }
    for (var d = 0u; d < KD; d++) { // unroll
      let b = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&memory, A_AT + sn * 16u * LINE + d * 2u, LINE);
      let c = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, col_major>(&memory, B_AT + sn * 16u * LINE + d * 2u, LINE);
      for (var i = 0u; i < FM; i++) { // unroll
        s[i] = subgroupMatrixMultiplyAccumulate(q[i * KD + d], b, s[i]);
        dp[i] = subgroupMatrixMultiplyAccumulate(g[i * KD + d], c, dp[i]);
      }
    }
    for (var i = 0u; i < FM; i++) { // unroll
      subgroupMatrixStore<row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, s[i], S_LINE);
      if (APART) { subgroupMatrixStore<row_major>(&memory, DP_AT + (sm + i * 16u) * S_LINE + sn * 4u, dp[i], S_LINE); }
    }
    workgroupBarrier();
    if (IN_V) {
      for (var i = 0u; i < FM; i++) { // unroll
        subgroupMatrixStore<row_major>(&memory, DP_PLACE + (sm + i * 16u) * S_LINE + sn * 4u, dp[i], S_LINE);
      }
    }
    var p: array<vec4<f32>, QUADS>;
    for (var i = 0u; i < QUADS; i++) { // unroll
      let key = base + (part * QUADS + i) * 4u + vec4(0u, 1u, 2u, 3u);
      let x = bitcast<vec4<f32>>(memory[score(row, part, i)]) * SCALE;
      p[i] = select(vec4(0.0), exp2(x - own_lse), key <= vec4(own - tile.z));
    }
    if (!APART) { workgroupBarrier(); }
    if (!APART && !IN_V) {
      for (var i = 0u; i < FM; i++) { // unroll
        subgroupMatrixStore<row_major>(&memory, DP_PLACE + (sm + i * 16u) * S_LINE + sn * 4u, dp[i], S_LINE);
      }
      workgroupBarrier();
    }
    for (var i = 0u; i < QUADS; i++) { // unroll
      p[i] *= bitcast<vec4<f32>>(memory[DP_PLACE - S_AT + score(row, part, i)]) - own_d;
    }
    if (!APART && !IN_V && !OWN_GROUPS) { workgroupBarrier(); }
    for (var i = 0u; i < PAIRS; i++) { // unroll
      memory[weight(row, part, 2u * i)] = halves(p[2u * i], p[2u * i + 1u]);
    }
    workgroupBarrier();
    for (var n = 0u; n < KK; n++) { // unroll
      var a: array<subgroup_matrix_left<f16, 16, 16>, FM>;
      for (var i = 0u; i < FM; i++) { // unroll
        a[i] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&memory, W_AT + (sm + i * 16u) * S_LINE + n * 4u, S_LINE);
      }
      for (var j = 0u; j < FD; j++) { // unroll
        let b = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&memory, A_AT + n * 16u * LINE + sn * (D8 / 2u) + j * 2u, LINE);
        for (var i = 0u; i < FM; i++) { // unroll
          dq[i * FD + j] = subgroupMatrixMultiplyAccumulate(a[i], b, dq[i * FD + j]);
        }
      }
    }
    workgroupBarrier();
  }

  for (var j = 0u; j < FD; j++) { // unroll
    for (var i = 0u; i < FM; i++) { // unroll
      subgroupMatrixStore<row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, dq[i * FD + j], S_LINE);
    }
    workgroupBarrier();
    for (var i = t; i < ROWS * 4u; i += T) {
      if (first + i / 4u < tile.y) {
        dqkv[(first + i / 4u) * WIDTH + head * D8 + channel(i, j)] = finished(i, INVERSE_ROOT);
      }
    }
    workgroupBarrier();
  }
}
