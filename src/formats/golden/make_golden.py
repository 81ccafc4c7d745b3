"""Writes the witnesses that src/formats/dequantize.test.ts compares with.

    python src/formats/golden/make_golden.py [SmolLM2-135M-Instruct.Q4_1.gguf]

quants.safetensors: random blocks of every ggml type and what gguf.quants makes of them. smollm2.json (where the model
is given): sums over weights as transformers loads them, which undoes the row permutation of llama files.
Written with gguf 0.19.0, transformers 5.23.0, torch 2.15.0, numpy 2.4.6.
"""

import json
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import save_file

HERE = Path(__file__).parent
TYPES = ["Q4_0", "Q4_1", "Q8_0", "Q4_K", "Q6_K", "BF16", "F16"]
# Byte offsets of the f16 numbers in a block: random bits there would make NaN and infinity of some.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q8_0": [0], "Q4_K": [0, 2], "Q6_K": [208], "BF16": [], "F16": []}
# Ordinary scales, then the edges: zero, subnormal, negative, the largest.
SCALES = [0.01, 0.5, 3.25, 0.0, 6e-8, -0.125, 65504.0, -4e-5]
WITNESSES = [
    "embed_tokens",
    "layers.0.self_attn.q_proj",
    "layers.0.self_attn.k_proj",
    "layers.7.self_attn.v_proj",
    "layers.29.self_attn.o_proj",
    "layers.13.mlp.gate_proj",
    "layers.29.mlp.down_proj",
    "layers.29.post_attention_layernorm",
    "norm",
]


def quants():
    rng = np.random.default_rng(20)
    tensors = {}
    for name in TYPES:
        kind = gguf.GGMLQuantizationType[name]
        block, size = gguf.GGML_QUANT_SIZES[kind]
        if block == 1:
            raw = rng.normal(0, 2, 64).astype(np.float16)
            raw = raw.view(np.uint8) if name == "F16" else (raw.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16).view(np.uint8)
        else:
            raw = rng.integers(0, 256, (len(SCALES), size), dtype=np.uint8)
            for at in HALVES[name]:
                halves = np.array(rng.permutation(SCALES), dtype=np.float16)
                raw[:, at : at + 2] = halves.view(np.uint8).reshape(-1, 2)
            raw = raw.reshape(-1)
        tensors[f"{name}.raw"] = raw
        tensors[f"{name}.values"] = gguf.quants.dequantize(raw, kind).astype(np.float32).reshape(-1)
    save_file(tensors, HERE / "quants.safetensors")


def smollm2(path):
    import torch
    from transformers import AutoModel

    model = AutoModel.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32)
    state = model.state_dict()
    sums = {}
    for name in WITNESSES:
        w = state[f"{name}.weight"].double().numpy().reshape(-1)
        # The second sum depends on where each weight lies, the rows of a head included.
        place = np.arange(w.size, dtype=np.float64) / w.size
        sums[name] = {"count": w.size, "squares": float((w * w).sum()), "placed": float((w * place).sum()), "first": w[:4].tolist()}
    (HERE / "smollm2.json").write_text(json.dumps(sums, indent=2) + "\n")


quants()
if len(sys.argv) > 1:
    smollm2(Path(sys.argv[1]))
