#!/usr/bin/env bash
# Packs lacuna for a GPU machine on which nothing can be installed and to which little can be carried at a time.
#   scripts/device/pack.sh [MODEL.gguf]   here: fills .device/ (ignored by git); a model is cut into parts of 20 MB
#   . .device/base/unpack.sh                      there: everything that was carried goes to /tmp/lacuna, and PATH finds node
set -euo pipefail
cd "$(dirname "$0")/../.."
out=.device/base
mkdir -p "$out"
npx vite build --config scripts/device/vite.config.ts --logLevel warn
tar -C "$out" -cJf "$out/bundle.tar.xz" bundle
echo "$(git rev-parse --short HEAD)$(git diff --quiet HEAD -- src kernels || echo ' with changes')" > "$out/commit"
[ -f "$out/node.xz" ] || xz -T0 -6 -c "$(readlink -f "$(command -v node)")" > "$out/node.xz"
[ -f "$out/webgpu.tar.xz" ] || tar -C node_modules -cJf "$out/webgpu.tar.xz" webgpu/package.json webgpu/index.js webgpu/dist/linux-x64
# The Vulkan loader, and what NVIDIA's driver loads beside it: without any one of these it reports no driver at all.
for p in libvulkan1 libegl1 libglvnd0 libopengl0 libgl1 libglx0 libx11-6 libx11-xcb1 libxext6 libxcb1 libxau6 libxdmcp6 \
         libbsd0 libmd0 libdrm2 libgbm1 libwayland-client0; do
  ls "$out/${p}"_*.deb >/dev/null 2>&1 || (cd "$out" && apt-get download -q "$p")
done
if [ -n "${1:-}" ]; then
  split -b 20000000 -d "$1" "$out/model.part"
  ls "$out"/model.part* | wc -l > "$out/model.count"
  for p in "$out"/model.part*; do mkdir -p ".device/part${p##*part}"; mv "$p" ".device/part${p##*part}/"; done
fi
cat > "$out/probe.mjs" <<'EOS'
import { create, globals } from 'webgpu';
Object.assign(globalThis, globals);
globalThis.instance = create([]);
const adapter = await globalThis.instance.requestAdapter();
if (adapter) console.log(adapter.info.description);
process.exit(adapter ? 0 : 1);
EOS
cat > "$out/unpack.sh" <<'EOS'
here=/tmp/lacuna
mkdir -p $here/node_modules $here/lib
for f in .device/base/*.deb; do [ -e "$f" ] && dpkg -x "$f" $here/lib; done
[ -x $here/node ] || { xz -dc .device/base/node.xz > $here/node && chmod +x $here/node; }
[ -f .device/base/webgpu.tar.xz ] && tar -C $here/node_modules -xJf .device/base/webgpu.tar.xz
[ -f .device/base/bundle.tar.xz ] && tar -C $here -xJf .device/base/bundle.tar.xz
cp .device/base/probe.mjs .device/base/model.count .device/part*/model.part* $here/ 2>/dev/null
if [ -f $here/model.count ] && [ "$(ls $here/model.part* 2>/dev/null | wc -l)" = "$(cat $here/model.count)" ]; then
  cat $here/model.part* > $here/model.gguf
fi
export PATH=$here:$PATH
# What `lacuna bench` says it ran: there is no repository there.
export LACUNA_COMMIT=$(cat .device/base/commit 2>/dev/null)
# Which of the driver's entries answers differs between machines: the first that does is kept.
libs=$here/lib/usr/lib/x86_64-linux-gnu
nvidia=/usr/local/nvidia/share/vulkan/icd.d/nvidia_icd.json
echo '{"file_format_version":"1.0.1","ICD":{"library_path":"libEGL_nvidia.so.0","api_version":"1.4.312"}}' > $here/egl.json
for icd in "" $nvidia $here/egl.json; do
  if timeout 40 env LD_LIBRARY_PATH=$libs:${LD_LIBRARY_PATH:-} ${icd:+VK_DRIVER_FILES=$icd} node $here/probe.mjs; then
    export LD_LIBRARY_PATH=$libs:${LD_LIBRARY_PATH:-}
    [ -n "$icd" ] && export VK_DRIVER_FILES=$icd
    break
  fi
done
EOS
du -sh "$out"/*
