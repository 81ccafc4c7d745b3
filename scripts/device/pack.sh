#!/usr/bin/env bash
# Packs lacuna for a GPU machine on which nothing can be installed and to which little can be carried at a time.
#   scripts/device/pack.sh [MODEL.gguf]   here: fills .gpu/ (ignored by git); a model is cut into parts of 30 MB
#   . .gpu/unpack.sh                      there: everything that was carried goes to /tmp/gpu, and PATH finds node
set -euo pipefail
cd "$(dirname "$0")/../.."
out=.gpu
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
mkdir -p /tmp/gpu/node_modules
for f in .gpu/*.deb; do [ -e "$f" ] && dpkg -x "$f" / && ldconfig; done
[ -x /tmp/gpu/node ] || { [ -f .gpu/node.xz ] && xz -dc .gpu/node.xz > /tmp/gpu/node && chmod +x /tmp/gpu/node; }
[ -f .gpu/webgpu.tar.xz ] && tar -C /tmp/gpu/node_modules -xJf .gpu/webgpu.tar.xz
[ -f .gpu/bundle.tar.xz ] && tar -C /tmp/gpu -xJf .gpu/bundle.tar.xz
cp .gpu/part*/model.part* .gpu/model.count /tmp/gpu/ 2>/dev/null
if [ -f /tmp/gpu/model.count ] && [ "$(ls /tmp/gpu/model.part* 2>/dev/null | wc -l)" = "$(cat /tmp/gpu/model.count)" ]; then
  cat /tmp/gpu/model.part* > /tmp/gpu/model.gguf
fi
export PATH=/tmp/gpu:$PATH
EOS
du -sh "$out"/*
