#!/usr/bin/env bash
# Kernels and LoRA steps beside PyTorch's and PEFT's in one call of less than ten minutes, on one host's two GPUs:
#   . .device/base/unpack.sh && scripts/device/kernels.sh "$OUT" [MODEL DATA]
# The first GPU has the products of few rows and of many, attention, each followed by PyTorch's at the same shapes (peers.py), and
# with MODEL and DATA LoRA, ranked in 16 bits and in 8, and every kernel's tests; the second whole forward passes, PEFT's steps
# (peer_step.py) and lacuna's. PARTS picks some by name. All end after LIMIT seconds (540): a part that has not begun by then is left out. Python
# that is missing there is taken from .device/whl. OUT gets kernels.tar.gz, since at most eight files come back.
set -uo pipefail
out=${1:?usage: kernels.sh OUT [MODEL DATA]} model=${2:-} data=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
bundle=/tmp/lacuna/bundle
work=$(mktemp -d)
python3 -c 'import peft' 2>/dev/null || {
  python3 -m pip install -q --no-index --no-deps --no-compile --target /tmp/site .device/whl/peft-*.whl
  export PYTHONPATH=/tmp/site
}

part() { # GPU NAME SECONDS COMMAND...: at most so many
  local gpu=$1 name=$2 seconds=$3 left=$((${LIMIT:-540} - SECONDS))
  shift 3
  [[ " ${PARTS:-$name} " == *" $name "* ]] && [ "$left" -gt 5 ] || return
  echo "== $name, ${SECONDS} s after the start: $*" >>"$work/$name.txt"
  timeout --signal=INT --kill-after=10 $((left < seconds ? left : seconds)) "$here/on_gpu.sh" "$gpu" "$@" >>"$work/$name.txt" 2>&1
  echo "== $name ended with $? after $SECONDS s" >>"$work/$name.txt"
}

bench() { # NAME SECONDS OPTIONS OF LACUNA BENCH...: and the peers
  local name=$1 seconds=$2
  shift 2
  SECONDS_BENCH=$seconds SECONDS_PEERS=60 SECONDS_MODELS=0 part 0 "$name" $((seconds + 90)) "$here/bench_all.sh" "$work/$name" "$@"
}

ranked() { # NAME OPTIONS OF RANK...
  local name=$1
  shift
  part 0 "$name" 60 node $bundle/cli.mjs rank --model "$model" --adapter "/tmp/lora/adapter" --data "$data" --fold 0 "$@" --out "/tmp/$name.parquet"
  part 0 "$name" 20 node $bundle/cli.mjs eval --predictions "/tmp/$name.parquet" --data "$data" --fold 0
}

(
  bench few 60 --kernel "linear q4" --shape "N=4096 K=4096"
  bench attention 70 --kernel attention
  bench eight 40 --kernel int8
  bench forward 110 --kernel "linear q4" --shape M=5888
  bench backward 70 --kernel "linear backward q4" --shape M=5888
  if [ -n "$model" ]; then
    part 0 lora 120 node $bundle/cli.mjs train exp010 --model "$model" --data "$data" --fold 0 --out /tmp/lora --keep-memory 24 --set lr=1e-3 epochs=4 seed=4 --json
    sed -i '/"type":"step"/d' "$work/lora.txt"
    ranked ranked-16
    ranked ranked-8 --activations int8
  fi
  LACUNA_TEST_GPUS=native part 0 tests 160 node $bundle/tests.mjs
) &
(
  for shape in 7B 0.5B; do part 1 "forward-$shape" 60 node $bundle/cli.mjs bench --forward --shape "$shape"; done
  part 1 peft 130 python3 "$here/peer_step.py" ${PEFT:-0.5B 1.5B 7B 32B}
  for shape in 7B 0.5B 1.5B 32B; do part 1 "step-$shape" 330 node $bundle/cli.mjs bench --step --shape "$shape"; done
) &
wait
tar -C "$work" -czf "$out/kernels.tar.gz" .
for file in "$work"/*.txt; do grep -v '^{' "$file" | tail -n "${TAIL:-25}" | cut -c 1-200; done
