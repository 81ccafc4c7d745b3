#!/usr/bin/env bash
# Trains the pocket model anew: several recipes at a time on one GPU, each judged as trained and as int4, in one call:
#   . .device/base/unpack.sh && SECONDS_IN_ALL=235 scripts/device/pocket.sh "$OUT"
# Data and models are made here, from seeds. A first try of every recipe tells its steps a second with the others beside
# it; from that come the number of questions and epochs that fit the time, so that the learning rate reaches 0. OUT
# gets scores.txt, of every recipe pocket-RECIPE.tar (a folder with model.gguf, for models/pocket) and metrics-RECIPE.jsonl.gz,
# runs.tar.gz (all settings, curves and logs), and of the recipe that was chosen plot.svg and summary.json. It is chosen
# by questions of the training phrasings with new numbers; neither what is held out nor data/sample has a say.
# RECIPES picks from: wide wide30 (another temperature) mid small tiny (tiny2: again). SIZES are numbers of questions, smallest first. EPOCHS fixes the epochs of the
# largest size. TRY is the steps of the first try. MADE is a folder of data-N and data-N.json (`lacuna generate-sample --n N
# --seed 1 --out MADE/data-N --json > MADE/data-N.json`) made beforehand, where the machine's time is dear.
# Questions that a model sees once teach it more about words it has not seen than those that it sees six times
# (results/pocket/proxy.txt): SIZES="6000 1000000" EPOCHS=1 OPENING=110 RECIPES=wide30 made the shipped model.
# OPENING: seconds that the largest data takes to be read and tokenized beyond what the first does.
set -uo pipefail
out=${1:?usage: pocket.sh OUT}
total=${SECONDS_IN_ALL:-235} reserve=${RESERVE:-45}
recipes=${RECIPES:-wide mid small} sizes=${SIZES:-6000 12000 20000 30000 45000 60000}
tests=${TESTS:-1000} tries=${TRY:-60}
root=$(cd "$(dirname "$0")/../.." && pwd)
if [ -n "${CLI:-}" ]; then cli=$CLI
elif [ -f /tmp/lacuna/bundle/cli.mjs ]; then cli=/tmp/lacuna/bundle/cli.mjs
else cli=$root/dist/cli.js; fi
work=${WORK:-/tmp/lacuna-pocket}
rm -rf "$work"
mkdir -p "$out" "$work/logs"
cd "$root" || exit 1
# The sample lies beside a bundle's folder as it lies beside dist/.
beside=$(dirname "$(dirname "$cli")")/data
[ -d "$beside/sample" ] || { mkdir -p "$beside" && cp -r data/sample "$beside/"; }
lacuna() { node "$cli" "$@"; }
left() { echo $((total - reserve - SECONDS)); }
say() { echo "[${SECONDS}s] $*"; }

# Shape, and what `train --set` takes. The embedding is 8.5 bits a weight when shipped, linears 5.
recipe() {
  local common="negatives=all pool=all queryLength=288 passageLength=64 clip=1 warmup=0.06 weightDecay=0.05"
  case $1 in
    wide) shape="--hidden-size 384 --layers 6 --heads 6 --kv-heads 2 --head-dim 64 --ffn-size 1024 --vocab-size 2048"
      batch=128 settings="lr=1.5e-3 $common" ;;
    wide30) recipe wide; settings="$settings scale=30" ;;
    mid) shape="--hidden-size 256 --layers 6 --heads 4 --kv-heads 2 --head-dim 64 --ffn-size 768 --vocab-size 2048"
      batch=128 settings="lr=2e-3 $common" ;;
    small) shape="--hidden-size 256 --layers 4 --heads 4 --kv-heads 2 --head-dim 64 --ffn-size 640 --vocab-size 2048"
      batch=64 settings="lr=2e-3 $common" ;;
    tiny*) shape="--shape tiny"
      batch=8 settings="lr=3e-3 $common negatives=16" ;;
    *) echo "no recipe $1" >&2; exit 2 ;;
  esac
}
recipe_chunk() { echo $((batch * 96 + 8192)); }

train() { # RECIPE FOLDER DATA SECONDS OPTIONS...
  local name=$1 folder=$2 data=$3 seconds=$4
  shift 4
  recipe "$name"
  # A tokens' worth of one step in one chunk; lavapipe does best with its own.
  local chunk=()
  [ "${CHUNK:-}" = own ] || chunk=(--chunk-tokens "$(recipe_chunk)")
  # shellcheck disable=SC2086
  timeout --signal=INT --kill-after=25 "$seconds" node "$cli" train exp010 --train all --model "$work/start-$name" \
    --data "$data" --out "$folder" --keep-memory "${KEEP:-16}" "${chunk[@]}" --checkpoint-every 60m --json \
    --set batch=$batch $settings "$@" >"$folder.jsonl" 2>"$work/logs/train-$(basename "$folder").log"
}

# ---- data and models, all at a time
made=()
for name in $recipes; do
  recipe "$name"
  # shellcheck disable=SC2086
  lacuna new-model $shape --out "$work/start-$name" --json >"$work/logs/new-$name.json" 2>"$work/logs/new-$name.log" & made+=($!)
done
lacuna generate-sample --n "$tests" --seed 3 --out "$work/dev" --json >"$work/dev.json" 2>/dev/null & made+=($!)
lacuna generate-sample --n "$tests" --seed 2 --split held-out --out "$work/held" --json >"$work/held.json" 2>/dev/null & made+=($!)
cp -r data/sample "$work/sample"
first=${sizes%% *}
questions() { # N
  if [ -d "${MADE:-}/data-$1" ]; then ln -s "$(realpath "$MADE/data-$1")" "$work/data-$1" && cp "$MADE/data-$1.json" "$work/"
  else lacuna generate-sample --n "$1" --seed 1 --out "$work/data-$1" --json >"$work/data-$1.json" 2>>"$work/logs/data.log"; fi
}
questions "$first" & made+=($!)
others=()
for n in $sizes; do
  [ "$n" = "$first" ] && continue
  questions "$n" & others+=($!)
done
wait "${made[@]}"
say "models, tests and the first $first questions made"

# ---- how fast each recipe is beside the others
began=$SECONDS tried=()
for name in $recipes; do
  train "$name" "$work/try-$name" "$work/data-$first" 90 --max-steps "$tries" --profile & tried+=($!)
done
wait "${tried[@]}"
setup=$((SECONDS - began))
[ ${#others[@]} = 0 ] || wait "${others[@]}"
say "first tries took $setup s"

# ---- the most of the data, and epochs, that fit the time
plan() { # RECIPE: "QUESTIONS EPOCHS"
  recipe "$1"
  node -e '
    const { readFileSync } = require("node:fs");
    const [work, name, batch, seconds, epochs, ...sizes] = process.argv.slice(1);
    const rows = (n) => JSON.parse(readFileSync(`${work}/data-${n}.json`, "utf8")).labels;
    const largest = sizes.at(-1);
    if (epochs !== "0") { console.log(largest, epochs); process.exit(); }
    let rate = 0;
    try {
      const steps = readFileSync(`${work}/try-${name}.jsonl`, "utf8").trim().split("\n").map((l) => JSON.parse(l)).filter((e) => e.type === "step");
      const [a, b] = [steps[Math.floor(steps.length / 4)], steps.at(-1)];
      rate = (b.step - a.step) / (b.seconds - a.seconds);
    } catch {}
    const views = rate * seconds * batch * 0.93;
    let best = [sizes[0], 1, 0];
    for (const n of sizes) {
      const epochs = Math.floor(views / rows(n));
      // Twice over the data at least: an epoch that ends is what is left of a run that is cut short.
      if (epochs >= 2 && epochs * rows(n) >= 0.8 * best[2]) best = [n, epochs, epochs * rows(n)];
    }
    console.error(`${name}: ${rate.toFixed(2)} steps a second, ${seconds} s, ${best[0]} questions, ${best[1]} epochs`);
    console.log(best[0], best[1]);
  ' "$work" "$1" "$batch" "$2" "${EPOCHS:-0}" $sizes
}
# Opening, tokenizing and compiling took what the first try took beside its steps: half of it is a fair guess, as files
# are larger now and pipelines known to the driver.
steps_time=$(( $(left) - setup / 2 - 3 - ${OPENING:-0} ))
trained=()
for name in $recipes; do
  read -r n epochs < <(plan "$name" "$steps_time" 2>>"$out/scores.txt")
  echo "$n $epochs" >"$work/plan-$name"
  train "$name" "$work/run-$name" "$work/data-$n" "$(left)" "epochs=$epochs" & trained+=($!)
done
cat "$out/scores.txt" 2>/dev/null
for set in dev held sample; do
  lacuna baseline --data "$work/$set" --method tfidf --out "$work/tfidf-$set.csv" >/dev/null 2>&1
done
wait "${trained[@]}"
say "trained"

# ---- scores, as trained and as int4
score() { # PREDICTIONS SET: first, within five, MAP@25
  for k in 1 5 25; do lacuna eval --predictions "$1" --data "$work/$2" --k "$k" --json; done 2>/dev/null | node -e '
    const found = Object.assign({}, ...require("node:fs").readFileSync(0, "utf8").trim().split("\n").map((l) => JSON.parse(l)));
    const show = (x, scale) => (x === undefined ? "-" : scale ? (100 * x).toFixed(1) : x.toFixed(3)).padStart(6);
    console.log(show(found["recall@1"], true), show(found["recall@5"], true), show(found["map@25"], false));
  '
}
judge() { # RECIPE
  local name=$1 model=$work/run-$1/model
  [ -d "$model" ] || { echo "$name: no epoch ended" >>"$out/scores.txt"; return; }
  mkdir -p "$work/$name/pocket"
  lacuna quantize "$model" --to q4 --out "$work/$name/pocket/model.gguf" >"$work/logs/quantize-$name.log" 2>&1
  # At once, should the time be up before the scores are there.
  tar -C "$work/$name" -cf "$out/pocket-$name.tar" pocket
  gzip -c "$work/run-$name/metrics.jsonl" >"$out/metrics-$name.jsonl.gz"
  for form in trained int4; do
    local path=$model
    [ $form = int4 ] && path=$work/$name/pocket/model.gguf
    for set in dev held sample; do
      lacuna rank --model "$path" --data "$work/$set" --out "$work/$name-$form-$set.csv" >/dev/null 2>>"$work/logs/rank-$name.log"
      echo "$name $form $set $(score "$work/$name-$form-$set.csv" $set)" >>"$work/scores-$name"
    done
  done
}
judged=()
for name in $recipes; do judge "$name" & judged+=($!); done
wait "${judged[@]}"
for set in dev held sample; do echo "tfidf - $set $(score "$work/tfidf-$set.csv" $set)"; done >"$work/scores-tfidf"
say "judged"

# ---- what goes back
chosen=$(cat "$work"/scores-* | awk '$2 == "int4" && $3 == "dev" { print $4, $1 }' | sort -rn | awk 'NR == 1 { print $2 }')
{
  echo "chosen by dev: ${chosen:-none}"
  printf '%-7s %-8s %-7s %6s %6s %6s\n' recipe form set first five MAP
  cat "$work"/scores-* | awk '{ printf "%-7s %-8s %-7s %6s %6s %6s\n", $1, $2, $3, $4, $5, $6 }'
  for name in $recipes; do
    [ -f "$work/$name/pocket/model.gguf" ] || continue
    echo "$name: $(stat -c %s "$work/$name/pocket/model.gguf") bytes; questions, epochs: $(cat "$work/plan-$name"); $(tail -n 1 "$work/run-$name/metrics.jsonl" | cut -c1-160)"
  done
} >>"$out/scores.txt"
find "$work" -name '*.safetensors' -delete
(cd "$work" && tar -czf "$out/runs.tar.gz" --ignore-failed-read logs plan-* scores-* ./*.json run-*/*.json run-*/*.jsonl run-*/*.svg try-*.jsonl ./*-int4-*.csv 2>/dev/null)
if [ -n "$chosen" ]; then
  cp "$work/run-$chosen/plot.svg" "$work/run-$chosen/summary.json" "$out/" 2>/dev/null
fi
ls -l "$out"
cat "$out/scores.txt"
say "done"
