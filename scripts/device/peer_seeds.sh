#!/usr/bin/env bash
# PyTorch's own spread: pytorch_reference.py, whose seed is 1, with other seeds, all at once, beside whatever else runs:
#   PYTHONPATH=… scripts/device/peer_seeds.sh OUT MODEL.gguf DATA LAB 2 3
# For each seed LoRA and all weights with the settings of ../../shared/models/README.md, 4 epochs. They take some 500 to 560
# seconds on one H200. With two GPUs the last is theirs, and lacuna's, which takes the first, is left alone.
set -uo pipefail
out=${1:?usage: peer_seeds.sh OUT MODEL DATA LAB SEEDS...} model=${2:?} data=${3:?} lab=${4:?}
shift 4
mkdir -p "$out"
gpus=$(nvidia-smi --query-gpu=index --format=csv,noheader | wc -l)
export EEDI=$data CUDA_VISIBLE_DEVICES=$((gpus - 1))
runs=()
for seed in "$@"; do
  folder=$(mktemp -d)
  cp "$lab"/*.py "$folder/"
  sed -i "s/manual_seed(1)/manual_seed($seed)/; s/default_rng(1)/default_rng($seed)/" "$folder/pytorch_reference.py"
  grep -q "manual_seed($seed)" "$folder/pytorch_reference.py" && grep -q "default_rng($seed)" "$folder/pytorch_reference.py" ||
    { echo "pytorch_reference.py sets its seed otherwise now" >&2; exit 2; }
  for run in "lora lr=1e-3 neg=96" "full lr=1e-4 neg=1024"; do
    # shellcheck disable=SC2086
    timeout "${LIMIT:-580}" python3 "$folder/pytorch_reference.py" "$(dirname "$model")" "$(basename "$model")" "${run%% *}-seed$seed" \
      mode=$run L=288 epochs=4 >"$out/peer-${run%% *}-$seed.txt" 2>"$folder/log" || tail -n 3 "$folder/log" &
    runs+=($!)
  done
done
wait "${runs[@]}"
cat "$out"/peer-*.txt
