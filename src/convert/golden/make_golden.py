"""Writes quantized.safetensors, the witness of src/convert/quantize.test.ts: what transformers computes with the GGUF
files that `lacuna quantize` makes of golden models.

    python src/convert/golden/make_golden.py

For each model: `<model>.logits` F32 [T, vocab], computed in float32, on the sequences of the model's
expected.safetensors; the int4 file comes from this checkout's own command, so run it again when rounding changes.
Written with torch 2.15.0, transformers 5.23.0, gguf 0.19.0.
"""

import subprocess
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

ROOT = Path(__file__).parents[3]

MODELS = ("qwen2-f32", "llama-f32", "llama-wide-heads")


def quantized_logits(model: str, folder: str) -> torch.Tensor:
    source = ROOT / "test/golden" / model
    out = f"{folder}/{model}.gguf"
    lacuna = ["npx", "--no-install", "deno", "run", "-A", "--no-check", "src/cli/main.ts"]
    subprocess.run([*lacuna, "quantize", str(source), "--to", "q4", "--out", out], cwd=ROOT, check=True)
    loaded = AutoModelForCausalLM.from_pretrained(folder, gguf_file=f"{model}.gguf", dtype=torch.float32).eval()
    golden = load_file(source / "expected.safetensors")
    ids, offsets = golden["input_ids"].long(), golden["offsets"].tolist()
    with torch.no_grad():
        rows = [loaded(ids[None, a:b]).logits[0] for a, b in zip(offsets, offsets[1:])]
    return torch.cat(rows)


with tempfile.TemporaryDirectory() as folder:
    tensors = {f"{model}.logits": quantized_logits(model, folder) for model in MODELS}
save_file(tensors, Path(__file__).parent / "quantized.safetensors")
