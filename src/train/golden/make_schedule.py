"""Writes schedule.json: learning rates that transformers' get_linear_schedule_with_warmup gives.
Written with transformers 5.23.0, torch 2.15.0.

    python src/train/golden/make_schedule.py
"""

import json
import warnings
from pathlib import Path

import torch
from transformers import get_linear_schedule_with_warmup

warnings.filterwarnings("ignore")
runs = []
for lr, warmup, total in [(1e-4, 4, 20), (1e-3, 0, 5), (5e-4, 3, 3), (2e-4, 6, 4), (1e-3, 219, 2190)]:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    schedule = get_linear_schedule_with_warmup(optimizer, warmup, total)
    steps, rates = [], []
    for step in range(total + 3):
        if total < 100 or step % 73 == 0 or step > total - 3:
            steps.append(step)
            rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    runs.append({"lr": lr, "warmupSteps": warmup, "totalSteps": total, "steps": steps, "rates": rates})
Path(__file__).with_name("schedule.json").write_text(json.dumps(runs) + "\n")
