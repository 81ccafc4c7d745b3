#!/usr/bin/env bash
# Runs a command with one GPU of several, as its only one, for Vulkan and CUDA alike:
#   scripts/device/on_gpu.sh 1 node /tmp/lacuna/bundle/cli.mjs train …
# Dawn cannot be told which of several GPUs of one name to take, so the others' device files are made unopenable, in a mount
# namespace of the command's own. Needs root. On a machine of one GPU there is nothing to hide.
set -euo pipefail
gpu=${1:?usage: on_gpu.sh INDEX COMMAND...}
shift
[ -e "/dev/nvidia$gpu" ] || { echo "on_gpu.sh: there is no /dev/nvidia$gpu" >&2; exit 2; }
if [ -z "${LACUNA_ON_GPU:-}" ]; then
  LACUNA_ON_GPU=$gpu exec unshare --mount --propagation private "$0" "$gpu" "$@"
fi
for node in /dev/nvidia[0-9]*; do
  [ "$node" = "/dev/nvidia$gpu" ] && continue
  mount --bind "$node" "$node"
  mount -o remount,bind,nodev "$node"
done
exec "$@"
