#!/usr/bin/env bash
# Training runs beside each other, and soups of them (lacuna merge --soup), all judged on FOLD:
#   . .device/base/unpack.sh && scripts/device/sweep.sh OUT /tmp/lacuna/model.gguf DATA FOLD "a: seed=1" "b: seed=2 pool=all" … [-- "a b" …]
# A run is a name and what it changes of all weights, lr 2e-4, 256 negatives, 4 epochs, seed 1 ("name: lora …" of LoRA, lr 1e-3,
# 96 negatives). JOBS (4) at a time: one loads, judges or writes while others have the GPU. OPTIONS go to every `lacuna train` and
# `rank`, such as --without-rationales. LIMIT: runs that are not done after so many seconds are
# cut, and in no soup.
# KEEP: where the soup is left. EXAMPLES=1: each run is ranked with --examples too, as soups always are.
# OUT/sweep.txt gets a line a run: after every epoch MAP@25, recall@25, MAP@25 of seen and of unseen names; the loss
# of the last 100 steps; and two a soup: by names, and by names and the
# other folds' labelled questions.
set -uo pipefail
out=${1:?usage: sweep.sh OUT MODEL DATA FOLD RUN... [-- SOUP...]} model=${2:?} data=${3:?} fold=${4:?}
shift 4
mkdir -p "$out"
work=$(mktemp -d)
if [ -f /tmp/lacuna/bundle/cli.mjs ]; then cli=/tmp/lacuna/bundle/cli.mjs; else cli=$(cd "$(dirname "$0")/../.." && pwd)/dist/cli.js; fi
say() { echo "fold $fold, $1" | tee -a "$out/sweep.txt"; }
four="const four = (r) => [r['map@25'], r['recall@25'], r.seen?.['map@25'], r.unseen?.['map@25']].map((v) => v?.toFixed(4).slice(1)).join(' ');"

run() { # NAME SETTINGS
  local name=$1 settings=$2 made="--model $work/$1/model" base="--train all --chunk-tokens 16384 --set epochs=4 negatives=256 lr=2e-4 seed=1"
  case $settings in lora*) base="--set epochs=4 lr=1e-3 seed=1" settings=${settings#lora} made="--model $model --adapter $work/$1/adapter" ;; esac
  # shellcheck disable=SC2086
  timeout --signal=INT --kill-after=30 "$((${LIMIT:-600} - SECONDS))" \
    node "$cli" train exp010 $base $settings ${OPTIONS:-} --model "$model" --data "$data" --fold "$fold" --checkpoint-every 60m --keep-memory 24 \
    ${STEPS:+--max-steps $STEPS} --out "$work/$name" --json >"$work/$name.jsonl" 2>"$work/$name.log" || tail -n 2 "$work/$name.log"
  say "$name: $settings: $(node -e "
    const lines = require('fs').readFileSync('$work/$name.jsonl', 'utf8').trim().split('\n').filter(Boolean).map(JSON.parse);
    $four
    const steps = lines.filter((e) => e.type === 'step');
    const last = steps.slice(-100);
    const loss = last.reduce((sum, e) => sum + e.loss, 0) / last.length;
    console.log(...lines.filter((e) => e.type === 'epoch' && e.report).map((e) => four(e.report) + ' |'), 'loss', loss.toFixed(4), steps.length, 'steps,', Math.round(steps.at(-1)?.seconds), 's, done after', $SECONDS, 's');")"
  # shellcheck disable=SC2086
  [ -z "${EXAMPLES:-}" ] || say "$name, with --examples: $(judged "$name" $made --examples)"
}

soup() { # NAMES...
  local name="$*" folders=() member
  # A run that was cut short has weights of an early epoch, which spoil what they are mixed with.
  for member in "$@"; do grep -q '"complete": true' "$work/$member/summary.json" 2>/dev/null && folders+=("$work/$member/model"); done
  [ ${#folders[@]} -gt 1 ] || { say "soup of $name: no two models"; return; }
  node "$cli" merge --soup "${folders[@]}" --out "$work/soup" --force >/dev/null 2>"$work/soup.log" || tail -n 2 "$work/soup.log"
  local made=$SECONDS
  [ -n "${KEEP:-}" ] && cp -r "$work/soup" "$KEEP"
  say "soup of ${#folders[@]}, $name: $(judged soup --model "$work/soup"), made after $made s, ranked after $SECONDS s"
  say "the same, with --examples: $(judged soup --model "$work/soup" --examples), ranked after $SECONDS s"
}

judged() { # NAME OPTIONS OF RANK...
  local at=$work/$1.ranked
  shift
  rm -f "$at.parquet"
  # shellcheck disable=SC2086
  node "$cli" rank --data "$data" --fold "$fold" ${OPTIONS:-} "$@" --out "$at.parquet" >/dev/null 2>"$at.log" || tail -n 2 "$at.log"
  node "$cli" eval --predictions "$at.parquet" --data "$data" --fold "$fold" --json |
    node -e "$four console.log(four(JSON.parse(require('fs').readFileSync(0, 'utf8'))))"
}

while [ $# -gt 0 ] && [ "$1" != -- ]; do
  while [ "$(jobs -rp | wc -l)" -ge "${JOBS:-4}" ]; do sleep .2; done
  settings=${1#*:}
  run "${1%%:*}" "${settings# }" &
  shift
done
wait
[ $# -gt 0 ] && shift
for names in "$@"; do
  # shellcheck disable=SC2086
  soup $names
done
