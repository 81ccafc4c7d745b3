#!/usr/bin/env bash
# What of the kernels waits for a GPU, in one call of less than ten minutes, most wanted first:
#   . .device/base/unpack.sh && scripts/device/kernels.sh "$OUT"
# How many workgroups a processor holds; attention's forms and parts; the int4 product's forms for few rows and tiles for many; the kernel tests of what
# changed since the last run there; attention, forward and backward, and what was never reached, beside PyTorch; steps.
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
part occupancy 30 node $bundle/occupancy.mjs
part attention-forms 85 node $bundle/attention.mjs --seconds 80
part vector 45 node $bundle/vector.mjs --seconds 40
part gemm 75 node $bundle/gemm.mjs --seconds 70
LACUNA_TEST_GPUS=native part tests 60 node $bundle/tests.mjs ${TESTS:-attention}
beside attention-peers 30 --kernel attention
beside rest-peers 50 --kernel swiglu adamw contrastive_ce
part steps 60 node $bundle/cli.mjs bench --step --shape 7B
