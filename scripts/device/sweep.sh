#!/usr/bin/env bash
# Settings of a training run beside each other, JOBS at a time (4), on a fold that nothing is reported on:
#   . .device/base/unpack.sh && scripts/device/sweep.sh OUT /tmp/lacuna/model.gguf DATA FOLD "" "scale=50" "batch=32 lr=3e-4" …
# Each of the last is what it changes of all weights, lr 2e-4, 256 negatives, 4 epochs; "lora …" of LoRA, lr 1e-3, 96 negatives.
# OUT/sweep.txt gets a line a run: fold, settings, and after every epoch MAP@25, recall@25, MAP@25 of seen and of unseen names.
set -uo pipefail
out=${1:?usage: sweep.sh OUT MODEL DATA FOLD SETTINGS...} model=${2:?} data=${3:?} fold=${4:?}
shift 4
mkdir -p "$out"
work=$(mktemp -d)
if [ -f /tmp/lacuna/bundle/cli.mjs ]; then cli=/tmp/lacuna/bundle/cli.mjs; else cli=$(cd "$(dirname "$0")/../.." && pwd)/dist/cli.js; fi

run() { # SETTINGS
  local folder settings=$1 base="--train all --chunk-tokens 16384 --set epochs=4 negatives=256 lr=2e-4 seed=1"
  folder=$(mktemp -d "$work/XXXX")
  case $1 in lora*) base="--set epochs=4 lr=1e-3 seed=1" settings=${1#lora} ;; esac
  # shellcheck disable=SC2086
  node "$cli" train exp010 $base $settings --model "$model" --data "$data" --fold "$fold" --checkpoint-every 60m --keep-memory 24 \
    ${STEPS:+--max-steps $STEPS} --out "$folder/run" --json >"$folder/jsonl" 2>"$folder/log" || tail -n 2 "$folder/log"
  node -e "
    const lines = require('fs').readFileSync('$folder/jsonl', 'utf8').trim().split('\n').filter(Boolean).map(JSON.parse);
    const four = (r) => [r['map@25'], r['recall@25'], r.seen?.['map@25'], r.unseen?.['map@25']].map((v) => v?.toFixed(4).slice(1)).join(' ');
    const step = lines.findLast((e) => e.type === 'step');
    console.log('fold $fold, ${1:-as it is}:', ...lines.filter((e) => e.type === 'epoch' && e.report).map((e) => four(e.report) + ' |'), step?.step, 'steps', Math.round(step?.seconds), 's');
  " | tee -a "$out/sweep.txt"
  rm -rf "$folder"
}

for settings in "$@"; do
  while [ "$(jobs -rp | wc -l)" -ge "${JOBS:-4}" ]; do sleep .2; done
  run "$settings" &
done
wait
