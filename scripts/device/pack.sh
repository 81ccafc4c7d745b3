#!/usr/bin/env bash
# Packs lacuna for a GPU machine on which nothing can be installed and to which little can be carried at a time.
#   scripts/device/pack.sh [MODEL.gguf]   here: fills .device/ (ignored by git); a model is cut into parts of 30 MB
#   . .device/unpack.sh                      there: everything that was carried goes to /tmp/lacuna, and PATH finds node
set -euo pipefail
cd "$(dirname "$0")/../.."
out=.device
mkdir -p "$out"
npx vite build --config scripts/device/vite.config.ts --logLevel warn
tar -C "$out" -cJf "$out/bundle.tar.xz" bundle
[ -f "$out/node.xz" ] || xz -T0 -6 -c "$(readlink -f "$(command -v node)")" > "$out/node.xz"
[ -f "$out/webgpu.tar.xz" ] || tar -C node_modules -cJf "$out/webgpu.tar.xz" webgpu/package.json webgpu/index.js webgpu/dist/linux-x64
ls "$out"/libvulkan1_*.deb >/dev/null 2>&1 || (cd "$out" && apt-get download -q libvulkan1)
if [ -n "${1:-}" ]; then
  split -b 30000000 -d "$1" "$out/model.part"
  for p in "$out"/model.part*; do mkdir -p "$out/part${p##*part}"; mv "$p" "$out/part${p##*part}/"; done
  ls -d "$out"/part* | wc -l > "$out/model.count"
fi
cat > "$out/unpack.sh" <<'EOS'
mkdir -p /tmp/lacuna/node_modules
for f in .device/*.deb; do [ -e "$f" ] && dpkg -x "$f" / && ldconfig; done
[ -x /tmp/lacuna/node ] || { [ -f .device/node.xz ] && xz -dc .device/node.xz > /tmp/lacuna/node && chmod +x /tmp/lacuna/node; }
[ -f .device/webgpu.tar.xz ] && tar -C /tmp/lacuna/node_modules -xJf .device/webgpu.tar.xz
[ -f .device/bundle.tar.xz ] && tar -C /tmp/lacuna -xJf .device/bundle.tar.xz
cp .device/part*/model.part* .device/model.count /tmp/lacuna/ 2>/dev/null
if [ -f /tmp/lacuna/model.count ] && [ "$(ls /tmp/lacuna/model.part* 2>/dev/null | wc -l)" = "$(cat /tmp/lacuna/model.count)" ]; then
  cat /tmp/lacuna/model.part* > /tmp/lacuna/model.gguf
fi
export PATH=/tmp/lacuna:$PATH
EOS
du -sh "$out"/*
