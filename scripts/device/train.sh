#!/usr/bin/env bash
# The training runs that results/ reports, and PyTorch's tokens a second for the same work on the same GPU, in one call:
#   . .device/base/unpack.sh && scripts/device/train.sh "$OUT" /tmp/lacuna/model.gguf DATA [LAB]
# DATA is Eedi's folder with rationales.csv and folds.csv. LAB holds pytorch_reference.py and eedi.py, and gguf must be
# importable for it; left out, the peer is. RUNS picks from: profile lora1 lora2 all1 q4 gptq plain peer_lora peer_all (q4, gptq: all1 in
# int4, rounded by chance and calibrated; plain: without rationales). Runs that are to be merged, and settings beside each other: sweep.sh.
# Weights stay in /tmp/lacuna-runs; each run's other files come to OUT as NAME.tgz, and its last lines to runs.txt.
set -uo pipefail
out=${1:?usage: train.sh OUT MODEL DATA [LAB]} model=${2:?} data=${3:?} lab=${4:-}
mkdir -p "$out"
runs=/tmp/lacuna-runs
if [ -f /tmp/lacuna/bundle/cli.mjs ]; then cli=/tmp/lacuna/bundle/cli.mjs; else cli=$(cd "$(dirname "$0")/../.." && pwd)/dist/cli.js; fi
say() { echo "$@" | tee -a "$out/runs.txt"; }

train() { # NAME SECONDS EXPERIMENT OPTIONS...
  local name=$1 seconds=$2
  shift 2
  local folder=$runs/$name
  rm -rf "$folder"
  say "== $name: lacuna train $*"
  timeout --signal=INT --kill-after=60 "$seconds" \
    node "$cli" train "$@" ${STEPS:+--max-steps $STEPS} --model "$model" --data "$data" --fold 0 --out "$folder" --keep-memory 24 --json >"$runs/$name.jsonl" 2>"$runs/$name.log"
  grep '"type":"epoch"' "$runs/$name.jsonl" | tail -n 2 | cut -c 1-600 | tee -a "$out/runs.txt"
  tail -n 45 "$runs/$name.log" | grep -v '^Warning' | tee -a "$out/runs.txt"
  summary "$name"
  (cd "$folder" && tar czf "$out/$name.tgz" -- $(ls | grep -E '\.(json|jsonl|svg|parquet)$'))
}

summary() { # tokens a second after ten warm steps, median milliseconds of a step, the most memory
  node -e "
    const steps = require('fs').readFileSync('$runs/$1/metrics.jsonl', 'utf8').trim().split('\n').map(JSON.parse).filter((e) => e.type === 'step').slice(10);
    const ms = steps.map((s) => 1e3 * s.tokens / s.tokensPerSecond);
    const tokens = steps.reduce((n, s) => n + s.tokens, 0), total = ms.reduce((a, b) => a + b, 0);
    console.log(JSON.stringify({ run: '$1', steps: steps.length, ms_per_step: +(total / steps.length).toFixed(1), median_ms: +ms.sort((a, b) => a - b)[ms.length >> 1].toFixed(1), tokens_per_s: Math.round(1e3 * tokens / total), peak_GB: +(steps.at(-1).gpuBytes / 1e9).toFixed(2), seconds: Math.round(steps.at(-1).seconds) }));" | tee -a "$out/runs.txt"
}

judge() { # NAME MODEL [OPTIONS...]: fold 0 ranked with a model that was made of others
  local name=$1 made=$2
  shift 2
  node "$cli" rank --model "$made" --data "$data" --fold 0 "$@" --out "$runs/$name.parquet" >/dev/null 2>"$runs/$name.log" || tail -n 3 "$runs/$name.log"
  say "== $name: $(node "$cli" eval --predictions "$runs/$name.parquet" --data "$data" --fold 0 --json | cut -c 1-400)"
}

peer() { # NAME OPTIONS...
  local name=$1
  shift
  [ -n "$lab" ] || { echo "no LAB: $name left out" >&2; return; }
  say "== $name: pytorch_reference.py $*"
  EEDI=$data timeout 200 python3 "$lab/pytorch_reference.py" "$(dirname "$model")" "$(basename "$model")" "$name" "$@" 2>"$runs/$name.log" | tee -a "$out/runs.txt"
}

int4() { # NAME OPTIONS...: the first model of all weights as int4, and what its ranking loses
  local name=$1 began=$SECONDS
  shift
  node "$cli" quantize "$runs/all1/model" --to q4 "$@" --out "$runs/$name.gguf" --force >/dev/null 2>"$runs/$name.log" || tail -n 3 "$runs/$name.log"
  say "   quantize $* took $((SECONDS - began)) s"
  judge "$name" "$runs/$name.gguf"
}

mkdir -p "$runs"
all=(exp010 --train all --set epochs=4 --set negatives=1024 --chunk-tokens 24576)
for run in ${RUNS:-lora1 peer_lora all1 peer_all lora2 q4 gptq}; do
  began=$SECONDS
  case $run in
    profile)
      train profile_lora 60 exp010 --set lr=1e-3 --set epochs=4 --max-steps 40 --profile
      train profile_all 60 "${all[@]}" --set lr=1e-4 --max-steps 30 --profile ;;
    lora1) train lora1 240 exp010 --set lr=1e-3 --set epochs=4 --set seed=1 ;;
    lora2) train lora2 240 exp010 --set lr=1e-3 --set epochs=4 --set seed=2 ;;
    all1) train all1 300 "${all[@]}" --set lr=1e-4 --set seed=1 ;;
    q4) int4 q4 --rounding stochastic ;;
    gptq) int4 gptq --calibrate "$data" --fold 0 ;;
    plain) train plain 300 "${all[@]}" --set lr=2e-4 --without-rationales ;;
    peer_lora) peer peer_lora mode=lora lr=1e-3 neg=96 L=288 epochs=4 steps=60 ;;
    peer_all) peer peer_all mode=full lr=1e-4 neg=1024 L=288 epochs=4 steps=60 ;;
    *) echo "no run $run" >&2 ;;
  esac
  say "   $run took $((SECONDS - began)) s"
done
