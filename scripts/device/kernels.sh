#!/usr/bin/env bash
# What of the kernels waits for a GPU, in one call of less than ten minutes, most wanted first:
#   . .device/base/unpack.sh && scripts/device/kernels.sh "$OUT"
# The product of few rows with x in registers; an adapter's five products by other tiles; the kernel tests of what changed since the
# last run there; an adapter on the layers of 0.5B, which two runs made slower than its step did; what SDPA and cuBLAS make beside it.
# Each part has its own time limit, 550 seconds together. OUT gets kernels.tar.gz: at most eight files come back.
set -uo pipefail
out=${1:?usage: kernels.sh OUT}
here=$(cd "$(dirname "$0")" && pwd)
bundle=/tmp/lacuna/bundle
work=$(mktemp -d)
part() { # NAME SECONDS COMMAND...
  local name=$1 seconds=$2
  shift 2
  echo "== $name, ${SECONDS} s after the start: $*" | tee -a "$work/$name.txt"
  timeout --signal=INT --kill-after=10 "$seconds" "$@" 2>&1 | tee -a "$work/$name.txt" | tail -n "${TAIL:-60}"
  tar -C "$work" -czf "$out/kernels.tar.gz" .
}
beside() { # NAME SECONDS OPTIONS...: lacuna's kernels and PyTorch's
  local name=$1 seconds=$2
  shift 2
  SECONDS_BENCH=$seconds SECONDS_PEERS=45 SECONDS_MODELS=0 part "$name" $((seconds + 55)) "$here/bench_all.sh" "$work/$name" "$@"
}
part vector 60 node $bundle/vector.mjs --seconds 55
part adapters-dx 90 node $bundle/adapters.mjs --seconds 85 --only dx
part adapters-small 120 node $bundle/adapters.mjs --seconds 115 --only 0.5B
LACUNA_TEST_GPUS=native part tests 60 node $bundle/tests.mjs "linear skinny" "linear held" "attention on" cross_entropy
part small 45 node $bundle/cli.mjs bench --kernel "linear q4" --shape "0.5B M=5888"
beside attention-peers 50 --kernel attention
part steps 60 node $bundle/cli.mjs bench --step --shape 0.5B
