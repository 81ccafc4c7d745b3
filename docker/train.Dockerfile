# Headless training on a GPU server: `lacuna` in a container, on the server's GPU through Vulkan.
#
#   docker build -f docker/train.Dockerfile -t lacuna .
#   docker run --rm --gpus all -v "$PWD/eedi:/data:ro" -v "$PWD/runs:/runs" -v lacuna-cache:/cache lacuna \
#     train exp010 --model smollm2-135m --data /data --fold 0 --out /runs/f0
#   docker run --rm --gpus all lacuna doctor
#
# THIS IMAGE WAS NEVER BUILT on the machines that lacuna is developed on: they cannot build images. Every step is
# therefore a call of scripts/setup.sh, which is what `make setup` runs there and what test/setup.test.ts tests.
#
# `docker stop` and Ctrl-C (with -it) end the step and write a checkpoint; `train --resume --out /runs/f0` goes on. A
# checkpoint that takes longer than docker's ten seconds wants `docker stop --time 120`.

# Debian 12 with Node.js 20.
FROM node:20-bookworm-slim

# The NVIDIA container toolkit mounts the driver's Vulkan part only where graphics is asked for.
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=graphics,compute,utility \
    LACUNA_CACHE=/cache

WORKDIR /lacuna

# What seldom changes first: later builds keep these layers.
COPY package.json package-lock.json ./
COPY scripts ./scripts
RUN scripts/setup.sh --packages

# No GPU answers while an image is built, so this installs the Vulkan loader, and Mesa: AMD's and Intel's drivers, and
# lavapipe for servers without a GPU.
RUN scripts/setup.sh --drivers

COPY . .
RUN scripts/setup.sh --build

# Node itself gets the signals, so that they reach the run.
ENTRYPOINT ["node", "/lacuna/dist/cli.js"]
CMD ["--help"]
