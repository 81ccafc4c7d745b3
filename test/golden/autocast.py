"""What PyTorch's own 16-bit autocast is off by, on the golden models: the yardstick of our f16 tiers' gradients.

usage: python autocast.py [names]   (in the environment of README.md; seconds on a CPU)

For each golden model with gradients: PEFT under torch.autocast against the float64 gradients in its folder, as
(all gradients together, the worst single matrix), relative in norm.
"""

import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

import reference
import tokenizer
from make_goldens import GOLDENS


def errors(golden, what: str, dtype: torch.dtype) -> tuple[float, float, str]:
    exact = load_file(Path(__file__).parent / golden.name / f"grads_{what}.safetensors")
    with tempfile.TemporaryDirectory() as folder:
        weights = golden.write_model(Path(folder))
    model = reference.build(golden.shape, weights)
    if what != "all":
        adapter = next(a for a in golden.adapters if a.name == what)
        model = reference.attach(golden.name, adapter, reference.build(golden.shape, weights, bare=adapter.bare), None)
    model = model.float()
    ids = reference.sequences("batch", min(golden.shape.vocab, tokenizer.SIZE), reference.QUERY_LENGTHS + reference.PASSAGE_LENGTHS)
    with torch.autocast("cpu", dtype=dtype):
        loss, _, _ = reference.contrastive(model, ids)
    scale = 1024.0
    (loss.float() * scale).backward()
    squared = size = 0.0
    worst = (0.0, "")
    for name, p in model.named_parameters():
        key = f"grad.{name.replace('.default', '')}"
        if p.grad is None or key not in exact:
            continue
        g, e = p.grad.double() / scale, exact[key].double()
        if g.shape != e.shape:  # every eighth row is kept of all weights' gradients
            g = g[::8]
        off = (g - e).square().sum().item()
        squared, size = squared + off, size + e.square().sum().item()
        worst = max(worst, ((off / e.square().sum().item()) ** 0.5, key))
    return (squared / size) ** 0.5, *worst


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}")
    for golden in GOLDENS:
        for what in golden.gradients:
            if len(sys.argv) > 1 and golden.name not in sys.argv[1:]:
                continue
            for dtype in (torch.float16, torch.bfloat16):
                together, worst, name = errors(golden, what, dtype)
                print(f"{golden.name:15} {what:4} {str(dtype)[6:]:9} together {together:.5f}  worst {worst:.5f} {name}", flush=True)
