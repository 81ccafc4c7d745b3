#!/usr/bin/env bash
# What waits for a GPU, in one call of less than ten minutes, most wanted first:
#   . .device/base/unpack.sh && scripts/device/kernels.sh "$OUT" [MODEL DATA]
# Steps with the next one's forward pass queued ahead, norms that write copies and f16 weights in one buffer; whole passes in 8 bits; the
# plans of few rows and of an adapter's products as they are now; 0.5B's gate and up, whose product took 379 and 663 us in two calls;
# the kernel tests. MODEL and DATA: the first steps of SmolLM2's training, kernel by kernel.
# Each part has its own time limit, 520 seconds together. OUT gets kernels.tar.gz: at most eight files come back.
# The best of four minutes, on other GPUs meanwhile (scripts/device/on_gpu.sh): four runs one after the other, and their soup
#   LIMIT=215 JOBS=1 scripts/device/sweep.sh OUT MODEL DATA 0 "a: seed=1" "b: seed=2" "c: seed=3" "d: seed=4" -- "a b c d"
#   OPTIONS=--without-rationales, the same
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
part small 60 node $bundle/cli.mjs bench --step --shape 0.5B
part seven 75 node $bundle/cli.mjs bench --step --shape 7B
part forward 90 node $bundle/cli.mjs bench --forward --shape 7B
part vector 70 node $bundle/vector.mjs --seconds 65
for i in 1 2; do part gate$i 25 node $bundle/cli.mjs bench --kernel "linear q4" --shape "0.5B gate,up"; done
part adapters 60 node $bundle/adapters.mjs --seconds 55 --only "0.5B"
LACUNA_TEST_GPUS=native part tests 55 node $bundle/tests.mjs "linear" "lora" "rms_norm" "int8"
