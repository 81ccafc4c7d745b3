#!/usr/bin/env bash
# Every kernel's benchmark, its plots, and PyTorch's kernels at the same shapes on the same GPU, in one call:
#   . .device/base/unpack.sh && scripts/device/bench_all.sh "$OUT" [options of lacuna bench]
# Leaves in the folder: bench.json, bench.txt (the table), bench.svg, bench-shares.svg, peers.json and peers.txt (the
# ratios). SECONDS_BENCH (default 330) and SECONDS_PEERS (200) bound the two parts: together less than the ten minutes
# that a call to the machine may take. What is done by then is reported.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:?usage: bench_all.sh FOLDER [options of lacuna bench]}
shift
mkdir -p "$out"
if [ -f /tmp/lacuna/bundle/cli.mjs ]; then cli=/tmp/lacuna/bundle/cli.mjs; else cli=$here/../../dist/cli.js; fi

# On the first signal the command reports what it has; the second one comes where that takes too long.
timeout --signal=INT --kill-after=40 "${SECONDS_BENCH:-330}" \
  node "$cli" bench --json --plot "$out/bench.svg" "$@" >"$out/bench.json" 2> >(tee "$out/bench.log" >&2)
status=$?
node "$cli" bench --show "$out/bench.json" | tee "$out/bench.txt"

python=${PYTHON:-python3}
if "$python" -c 'import torch' 2>/dev/null; then
  timeout --kill-after=20 "${SECONDS_PEERS:-200}" "$python" "$here/peers.py" "$out/bench.json" "$out/peers.json" | tee "$out/peers.txt"
else
  echo "$python has no torch: no peers" >&2
fi
exit $status
