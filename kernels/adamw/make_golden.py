"""Writes golden.json: ten steps of torch.optim.AdamW in float64 on eleven numbers. Written with torch 2.15.0.

    python kernels/adamw/make_golden.py
"""

import json
from pathlib import Path

import torch

torch.manual_seed(1)
N, STEPS = 11, 10
start = torch.randn(N, dtype=torch.float32).double()
gradients = (torch.randn(STEPS, N) * torch.logspace(-6, 2, N)).float().double()
gradients[:, 5] = 0
rates = [1e-2 * min(1, (t + 1) / 3) * (1 - t / 12) for t in range(STEPS)]

p = torch.nn.Parameter(start.clone())
options = {"betas": (0.9, 0.95), "eps": 1e-8, "weight_decay": 0.1}
optimizer = torch.optim.AdamW([p], lr=1.0, foreach=False, fused=False, **options)
after = []
for g, lr in zip(gradients, rates):
    optimizer.param_groups[0]["lr"] = lr
    p.grad = g.clone()
    optimizer.step()
    after.append(p.detach().tolist())
golden = {"start": start.tolist(), "gradients": gradients.tolist(), "rates": rates, "after": after}
Path(__file__).with_name("golden.json").write_text(json.dumps({**options, **golden}) + "\n")
