// attention.keys.wgsl on subgroup matrices: dk and dv. Includes backward.matrix.wgsl, which has the layouts and
// constants. Scores are [keys, queries] here: left matrices are k and v.

@group(0) @binding(3) var<storage, read> along: array<f32>;
@group(0) @binding(7) var<storage, read> starts: array<u32>;

// (lse, D)
var<workgroup> streamed: array<vec2<f32>, KEYS>;

@compute @workgroup_size(T)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) t: u32) {
  let group = wg.x;
  if (wg.y >= dim.x) { return; }
  let tile = tiles[wg.y];
  let end = starts[tile.w + 1u];
  let k_from = (H + group) * D8;
  let v_from = k_from + KV * D8;
  let sm = t / (32u * KK) * 16u * FM;
  let sn = t / 32u % KK;

  // A short tile's idle rows repeat its last key and are dropped at the end.
  for (var i = 0u; i < OWN; i++) { // unroll
    let at = min(tile.x + (t + i * T) / D8, tile.y - 1u) * WIDTH + (t + i * T) % D8;
    memory[(t + i * T) / D8 * LINE + (t + i * T) % D8] = qkv[k_from + at];
  }
  workgroupBarrier();
  var k: array<subgroup_matrix_left<f16, 16, 16>, FM * KD>;
  for (var i = 0u; i < FM; i++) { // unroll
    for (var d = 0u; d < KD; d++) { // unroll
      k[i * KD + d] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&memory, (sm + i * 16u) * LINE + d * 2u, LINE);
    }
  }
  workgroupBarrier();
  for (var i = 0u; i < OWN; i++) { // unroll
    let at = min(tile.x + (t + i * T) / D8, tile.y - 1u) * WIDTH + (t + i * T) % D8;
    memory[(t + i * T) / D8 * LINE + (t + i * T) % D8] = qkv[v_from + at];
  }
  workgroupBarrier();
  var v: array<subgroup_matrix_left<f16, 16, 16>, FM * KD>;
  for (var i = 0u; i < FM; i++) { // unroll
    for (var d = 0u; d < KD; d++) { // unroll
      v[i * KD + d] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&memory, (sm + i * 16u) * LINE + d * 2u, LINE);
    }
  }

  let row = t / 32u * OWN_ROWS + t % OWN_ROWS;
  let part = t % 32u / OWN_ROWS;
  var head = group * (H / KV);
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
  var dk: array<subgroup_matrix_result<f32, 16, 16>, FM * FD>;
  var dv: array<subgroup_matrix_result<f32, 16, 16>, FM * FD>;
  // All queries of one head, then of the group's next.
  while (head < (group + 1u) * (H / KV)) {
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
        s[i] = subgroupMatrixMultiplyAccumulate(k[i * KD + d], b, s[i]);
        dp[i] = subgroupMatrixMultiplyAccumulate(v[i * KD + d], c, dp[i]);
      }
    }
    for (var i = 0u; i < FM; i++) { // unroll
      subgroupMatrixStore<row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, s[i], S_LINE);
    }
    workgroupBarrier();
    var p: array<vec4<f32>, QUADS>;
    for (var i = 0u; i < QUADS; i++) { // unroll
      let x = bitcast<vec4<f32>>(memory[score(row, part, i)]) * SCALE;
      for (var j = 0u; j < FOUR; j++) { // unroll
        let n = (part * QUADS + i) * 4u + j;
        let o = streamed[n];
        p[i][j] = select(0.0, exp2(x[j] - o.x), base + n < end && tile.x + row <= base + n);
      }
    }
    workgroupBarrier();
    for (var i = 0u; i < FM; i++) { // unroll
      subgroupMatrixStore<row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, dp[i], S_LINE);
    }
    workgroupBarrier();
    var ds: array<vec4<f32>, QUADS>;
    for (var i = 0u; i < QUADS; i++) { // unroll
      let x = bitcast<vec4<f32>>(memory[score(row, part, i)]);
      let n = (part * QUADS + i) * 4u;
      ds[i] = p[i] * (x - vec4(streamed[n].y, streamed[n + 1u].y, streamed[n + 2u].y, streamed[n + 3u].y));
    }
    if (!OWN_GROUPS) { workgroupBarrier(); }
    for (var i = 0u; i < PAIRS; i++) { // unroll
      let at = weight(row, part, 2u * i);
      memory[at] = halves(ds[2u * i], ds[2u * i + 1u]);
      memory[at + 2u] = halves(p[2u * i], p[2u * i + 1u]);
    }
    workgroupBarrier();
    for (var n = 0u; n < KK; n++) { // unroll
      var a: array<subgroup_matrix_left<f16, 16, 16>, FM>;
      var w: array<subgroup_matrix_left<f16, 16, 16>, FM>;
      for (var i = 0u; i < FM; i++) { // unroll
        let at = S_AT + (sm + i * 16u) * S_LINE + n * 4u;
        a[i] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&memory, at, S_LINE);
        w[i] = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&memory, at + 2u, S_LINE);
      }
      for (var j = 0u; j < FD; j++) { // unroll
        let at = n * 16u * LINE + sn * (D8 / KK) + j * 2u;
        let b = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&memory, A_AT + at, LINE);
        let c = subgroupMatrixLoad<subgroup_matrix_right<f16, 16, 16>, row_major>(&memory, B_AT + at, LINE);
        for (var i = 0u; i < FM; i++) { // unroll
          dk[i * FD + j] = subgroupMatrixMultiplyAccumulate(a[i], b, dk[i * FD + j]);
          dv[i * FD + j] = subgroupMatrixMultiplyAccumulate(w[i], c, dv[i * FD + j]);
        }
      }
    }
    workgroupBarrier();
    base = next;
    head += u32(last);
  }

  for (var j = 0u; j < FD; j++) { // unroll
    for (var i = 0u; i < FM; i++) { // unroll
      subgroupMatrixStore<row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, dk[i * FD + j], S_LINE);
    }
    workgroupBarrier();
    for (var i = t; i < ROWS * ACROSS; i += T) {
      if (tile.x + i / ACROSS < tile.y) {
        dqkv[(tile.x + i / ACROSS) * WIDTH + k_from + channel(i, j)] = finished(i, INVERSE_ROOT);
      }
    }
    workgroupBarrier();
    for (var i = 0u; i < FM; i++) { // unroll
      subgroupMatrixStore<row_major>(&memory, S_AT + (sm + i * 16u) * S_LINE + sn * 4u, dv[i * FD + j], S_LINE);
    }
    workgroupBarrier();
    for (var i = t; i < ROWS * ACROSS; i += T) {
      if (tile.x + i / ACROSS < tile.y) {
        dqkv[(tile.x + i / ACROSS) * WIDTH + v_from + channel(i, j)] = finished(i, 1.0);
      }
    }
    workgroupBarrier();
  }
}
