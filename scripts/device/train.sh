#!/usr/bin/env bash
# The training runs that results/ reports, and PyTorch's tokens a second for the same work on the same GPU, in one call:
#   . .device/base/unpack.sh && scripts/device/train.sh "$OUT" /tmp/lacuna/model.gguf DATA [LAB]
# DATA is Eedi's folder with rationales.csv and folds.csv. LAB holds pytorch_reference.py and eedi.py, and gguf must be
# importable for it; left out, the peer is. RUNS picks from: lora1 lora2 all peer_lora peer_all best. Each run leaves its
# folder without weights in OUT (metrics.jsonl, plot.svg, summary.json, predictions) and its last lines in runs.txt.
set -uo pipefail
out=${1:?usage: train.sh OUT MODEL DATA [LAB]} model=${2:?} data=${3:?} lab=${4:-}
mkdir -p "$out"
if [ -f /tmp/lacuna/bundle/cli.mjs ]; then cli=/tmp/lacuna/bundle/cli.mjs; else cli=$(cd "$(dirname "$0")/../.." && pwd)/dist/cli.js; fi

train() { # NAME SECONDS EXPERIMENT OPTIONS...
  local name=$1 seconds=$2
  shift 2
  local folder=/tmp/lacuna-runs/$name
  rm -rf "$folder"
  echo "== $name: lacuna train $*" | tee -a "$out/runs.txt"
  timeout --signal=INT --kill-after=60 "$seconds" \
    node "$cli" train "$@" --model "$model" --data "$data" --fold 0 --out "$folder" --keep-memory 24 --json >"$out/$name.jsonl" 2>"$out/$name.log"
  tail -n 1 "$out/$name.jsonl" | tee -a "$out/runs.txt"
  mkdir -p "$out/$name"
  (cd "$folder" && cp -- *.json *.jsonl *.svg *.parquet "$out/$name/" 2>/dev/null)
}

peer() { # NAME OPTIONS...
  local name=$1
  shift
  [ -n "$lab" ] || { echo "no LAB: $name left out" >&2; return; }
  echo "== $name: pytorch_reference.py $*" | tee -a "$out/runs.txt"
  timeout 240 python3 "$lab/pytorch_reference.py" "$(dirname "$model")" "$(basename "$model")" "$name" "$@" 2>"$out/$name.log" | tee -a "$out/runs.txt"
}

for run in ${RUNS:-lora1 peer_lora all peer_all lora2}; do
  case $run in
    lora1) train lora1 240 exp010 --set lr=1e-3 --set epochs=4 --set seed=1 ;;
    lora2) train lora2 240 exp010 --set lr=1e-3 --set epochs=4 --set seed=2 ;;
    all) train all 400 exp010 --train all --set lr=1e-4 --set epochs=4 --set negatives=1024 ;;
    peer_lora) peer peer_lora mode=lora lr=1e-3 neg=96 L=288 epochs=4 steps=60 ;;
    peer_all) peer peer_all mode=full lr=1e-4 neg=1024 L=288 epochs=4 steps=60 ;;
    # The best that four minutes give: all weights, a higher rate, every name a negative, hard ones mined.
    best) train best 400 exp010 --train all --set lr=2e-4 --set epochs=6 --set negatives=1024 --set pool=all --set hardNegatives=8 ;;
    *) echo "no run $run" >&2 ;;
  esac
done
