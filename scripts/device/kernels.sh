#!/usr/bin/env bash
# What waits for a GPU, in one call of less than ten minutes, most wanted first:
#   . .device/base/unpack.sh && scripts/device/kernels.sh "$OUT" [MODEL DATA]
# 32B's step with the memory that PEFT takes (it was only run within 24 GB); attention's backward cases that a call of before did
# not reach; every kernel's tests. MODEL and DATA: the first steps of SmolLM2's training.
# Each part has its own time limit, 520 seconds together. OUT gets kernels.tar.gz: at most eight files come back.
# On other GPUs meanwhile (scripts/device/on_gpu.sh), what LoRA and all weights reach with --examples, which four minutes' soups alone were ranked with:
#   EXAMPLES=1 JOBS=2 LIMIT=400 scripts/device/sweep.sh OUT MODEL DATA 0 "l1: lora seed=1" "l2: lora seed=2" "x1: lr=1e-4 negatives=1024 --chunk-tokens 24576" …
set -uo pipefail
out=${1:?usage: kernels.sh OUT [MODEL DATA]} model=${2:-} data=${3:-}
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
[ -z "$model" ] || RUNS=profile part profile 60 "$here/train.sh" "$work/profile" "$model" "$data"
part big 200 node $bundle/cli.mjs bench --step --shape 32B
part attention 90 node $bundle/cli.mjs bench --kernel attention "attention backward"
LACUNA_TEST_GPUS=native part tests 160 node $bundle/tests.mjs
