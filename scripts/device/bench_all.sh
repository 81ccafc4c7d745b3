#!/usr/bin/env bash
# Every kernel's benchmark, its plots, and PyTorch's kernels at the same shapes on the same GPU, in one call:
#   . .device/base/unpack.sh && scripts/device/bench_all.sh "$OUT" [options of lacuna bench]
# Leaves in the folder: bench.json, bench.txt (the table), bench.svg, bench-shares.svg, peers.json, peers.txt (the
# ratios) and models.txt (whole forward passes and LoRA steps). SECONDS_BENCH (default 280), SECONDS_PEERS (130) and
# SECONDS_MODELS (120) bound the parts, together less than the ten minutes that a call to the machine may take; 0 leaves
# one out, peers.py then reads the bench.json that is there. What is done by then is reported.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: bench_all.sh FOLDER [options of lacuna bench]}
shift
mkdir -p "$out"
if [ -f /tmp/lacuna/bundle/cli.mjs ]; then cli=/tmp/lacuna/bundle/cli.mjs; else cli=$here/../../dist/cli.js; fi

status=0
if [ "${SECONDS_BENCH:-280}" != 0 ]; then
  # On the signal the command reports what it has; it is killed where that takes too long.
  timeout --signal=INT --kill-after=30 "${SECONDS_BENCH:-280}" \
    node "$cli" bench --json --plot "$out/bench.svg" "$@" >"$out/bench.json" 2> >(tee "$out/bench.log" >&2)
  status=$?
  node "$cli" bench --show "$out/bench.json" | tee "$out/bench.txt"
fi

python=${PYTHON:-python3}
if [ "${SECONDS_PEERS:-130}" = 0 ]; then
  :
elif "$python" -c 'import torch' 2>/dev/null; then
  timeout --kill-after=5 "${SECONDS_PEERS:-130}" "$python" "$here/peers.py" "$out/bench.json" "$out/peers.json" | tee "$out/peers.txt"
else
  echo "$python has no torch: no peers" >&2
fi

if [ "${SECONDS_MODELS:-120}" != 0 ]; then
  timeout --kill-after=5 "${SECONDS_MODELS:-120}" node "$cli" bench --forward --step 2>&1 | tee "$out/models.txt"
fi
exit $status
