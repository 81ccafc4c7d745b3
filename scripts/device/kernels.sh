#!/usr/bin/env bash
# Kernels and LoRA steps beside PyTorch's and PEFT's in one call of less than ten minutes, on one host's two GPUs:
#   . .device/base/unpack.sh && scripts/device/kernels.sh "$OUT" [MODEL DATA]
# The first GPU has the products of many rows and of few, attention and adapters, each followed by PyTorch's at the same shapes
# (peers.py), and every kernel's tests; the second PEFT's steps (peer_step.py), lacuna's, and with MODEL and DATA LoRA in 8
# bits, ranked in 16 and in 8. Python that is missing there is taken from .device/whl. Each part has its own time limit; OUT
# gets kernels.tar.gz, since at most eight files come back, and each part's last lines are printed.
set -uo pipefail
out=${1:?usage: kernels.sh OUT [MODEL DATA]} model=${2:-} data=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
bundle=/tmp/lacuna/bundle
work=$(mktemp -d)
python3 -c 'import peft' 2>/dev/null || {
  python3 -m pip install -q --no-index --no-deps --no-compile --target /tmp/site .device/whl/peft-*.whl
  export PYTHONPATH=/tmp/site
}

part() { # GPU NAME SECONDS COMMAND...
  local gpu=$1 name=$2 seconds=$3
  shift 3
  echo "== $name, ${SECONDS} s after the start: $*" >>"$work/$name.txt"
  timeout --signal=INT --kill-after=10 "$seconds" "$here/on_gpu.sh" "$gpu" "$@" >>"$work/$name.txt" 2>&1
  tar -C "$work" -czf "$out/kernels-$gpu.tar.gz" .
}

bench() { # NAME SECONDS OPTIONS OF LACUNA BENCH...: and the peers
  local name=$1 seconds=$2
  shift 2
  mkdir -p "$work/$name"
  SECONDS_BENCH=$seconds SECONDS_PEERS=60 SECONDS_MODELS=0 part 0 "$name" $((seconds + 90)) "$here/bench_all.sh" "$work/$name" "$@"
}

ranked() { # NAME OPTIONS OF RANK...
  local name=$1
  shift
  node $bundle/cli.mjs rank --model "$model" --adapter "$work/lora/adapter" --data "$data" --fold 0 "$@" --out "/tmp/$name.parquet" >/dev/null 2>&1
  echo "$name: $(node $bundle/cli.mjs eval --predictions "/tmp/$name.parquet" --data "$data" --fold 0 --json | cut -c 1-200)" >>"$work/ranked.txt"
}

(
  bench few 60 --kernel "linear q4" --shape "N=4096 K=4096"
  bench attention 70 --kernel attention
  bench forward 110 --kernel "linear q4" --shape M=5888
  bench backward 70 --kernel "linear backward q4" --shape M=5888
  LACUNA_TEST_GPUS=native part 0 tests 160 node $bundle/tests.mjs
) &
(
  part 1 peft 130 python3 "$here/peer_step.py" 0.5B 1.5B 7B 32B
  for shape in 0.5B 1.5B 7B 32B; do part 1 "step-$shape" 200 node $bundle/cli.mjs bench --step --shape "$shape"; done
  if [ -n "$model" ]; then
    part 1 train 110 node $bundle/cli.mjs train exp010 --model "$model" --data "$data" --fold 0 --out "$work/lora" --keep-memory 24 --activations int8 \
      --set lr=1e-3 epochs=4 seed=4 --json
    ranked f16
    ranked int8 --activations int8
  fi
) &
wait
for file in "$work"/*.txt; do
  echo "== $(basename "$file")"
  grep -v '^{' "$file" | tail -n "${TAIL:-25}" | cut -c 1-200
done
