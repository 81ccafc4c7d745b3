"""Writes golden.json: torch's cross_entropy in float64, losses and the gradient of their mean. Written with torch 2.15.0.

    python kernels/cross_entropy/make_golden.py

A target of null is ignored, and a logit of null is -inf.
"""

import json
from pathlib import Path

import torch

torch.manual_seed(1)
T, V, IGNORED = 6, 11, -100
logits = (torch.randn(T, V) * torch.tensor([[1], [1], [300], [0.01], [5], [5]])).float().double()
logits[4, ::3] = -torch.inf
targets = torch.tensor([0, V - 1, 4, 7, 1, IGNORED])
logits.requires_grad_()
losses = torch.nn.functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none")
torch.nn.functional.cross_entropy(logits, targets, ignore_index=IGNORED).backward()


def listed(values, none):
    return [None if v == none else v for v in values.flatten().tolist()]


golden = {
    "V": V,
    "logits": listed(logits.detach(), -torch.inf),
    "targets": listed(targets, IGNORED),
    "losses": losses.tolist(),
    "dlogits": logits.grad.flatten().tolist(),
}
Path(__file__).with_name("golden.json").write_text(json.dumps(golden) + "\n")
