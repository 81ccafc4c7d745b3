"""Whether PEFT opens what `lacuna train` wrote, and `lacuna train --adapter` trains on what PEFT wrote.

    pip install peft
    python test/peers/check_peft.py

On the golden model qwen2-f32 and sixteen questions of the sample:
- trains LoRA on all linears (plain, and rsLoRA on two), opens the run's adapter/ and adapter-best/ in PEFT with the base
  that adapter_config.json names, and compares every tensor bit for bit, the scale, and embeddings;
- lets PEFT write an adapter with random matrices, trains it on with lr=0, which must give the same bits back, and with
  lr=1e-3, which must not; PEFT opens both.

Exits with 1 where anything differs.

Last run (PEFT 0.21.2, transformers 5.23.0, lacuna under Deno on lavapipe, 2026-11-23): all 42 tensors on all linears, all 12 with
rsLoRA, all 18 of PEFT's own are equal; embeddings' smallest cosine 1.000000 (with the adapter off .984 and .978).
"""

import csv
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from peft import AutoPeftModelForFeatureExtraction, LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import load_file
from transformers import AutoModel, AutoTokenizer

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "test/golden/qwen2-f32"
LACUNA = ["npx", "--no-install", "deno", "run", "-A", "--no-check", "src/cli/main.ts"]
QUESTIONS = 16
LENGTHS = ["queryLength=24", "passageLength=12", "evalLength=24", "batch=4", "negatives=4", "epochs=2"]
TEXTS = ["Adds the denominators when adding fractions", "Takes the area to be the perimeter", "x"]

failed = []


def check(what, good):
    print(f"{'ok    ' if good else 'FAILED'}  {what}")
    if not good:
        failed.append(what)


def lacuna(*args):
    done = subprocess.run([*LACUNA, *map(str, args)], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"lacuna {' '.join(map(str, args))}\n{done.stderr}")


def cut(folder):
    """The first questions of the sample, and its taxonomy."""
    folder.mkdir()
    sample = ROOT / "data/sample"
    for name in ("train.csv", "folds.csv"):
        with open(sample / name, newline="") as file:
            rows = list(csv.reader(file))[: QUESTIONS + 1]
        with open(folder / name, "w", newline="") as file:
            csv.writer(file).writerows(rows)
    (folder / "misconception_mapping.csv").write_bytes((sample / "misconception_mapping.csv").read_bytes())


def train(data, out, *settings, adapter=None):
    more = ["--adapter", adapter] if adapter else []
    lacuna("train", "exp010", "--model", MODEL, "--data", data, "--fold", 0, "--out", out, *more,
           "--set", *LENGTHS, *settings)  # fmt: skip


def opened(folder, rank, scale):
    """The adapter as PEFT has it, checked against the file."""
    label = f"{folder.parent.name}/{folder.name}"
    model = AutoPeftModelForFeatureExtraction.from_pretrained(folder)
    theirs, stored = get_peft_model_state_dict(model), load_file(folder / "adapter_model.safetensors")
    same = theirs.keys() == stored.keys() and all(torch.equal(theirs[name], stored[name]) for name in stored)
    check(f"{label}: PEFT has the {len(stored)} tensors of the file, bit for bit", same and len(stored) > 0)
    layers = [m for m in model.modules() if hasattr(m, "lora_A") and "default" in m.lora_A]
    check(f"{label}: rank {rank}, scale {scale:.4f} in {len(layers)} linears",
          2 * len(layers) == len(stored) and all(m.r["default"] == rank and abs(m.scaling["default"] - scale) < 1e-9 for m in layers))  # fmt: skip
    return model.eval(), stored


def compare_embeddings(model, folder, place):
    (place / "texts.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in TEXTS))
    lacuna("embed", "--model", MODEL, "--adapter", folder, "--tier", "portable",
           "--input", place / "texts.jsonl", "--out", place / "ours.npy")  # fmt: skip
    ours = torch.from_numpy(np.load(place / "ours.npy").astype(np.float32))
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    with torch.no_grad():
        last = [model(**tokenizer(t, return_tensors="pt")).last_hidden_state[0, -1] for t in TEXTS]
    theirs = torch.nn.functional.normalize(torch.stack(last).float(), dim=-1)
    cosine = float((ours * theirs).sum(dim=-1).min())
    with torch.no_grad(), model.disable_adapter():
        bare = model(**tokenizer(TEXTS[0], return_tensors="pt")).last_hidden_state[0, -1]
    off = float((ours[0] * torch.nn.functional.normalize(bare.float(), dim=-1)).sum())
    check(f"{folder.parent.name}: embeddings' smallest cosine {cosine:.6f} (with the adapter off {off:.6f})",
          cosine > 0.99999 and off < 0.99999)  # fmt: skip


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        sys.exit(__doc__)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        cut(place / "data")
        for name, rank, scale, settings in (
            ("all-linears", 4, 2.0, ["rank=4", "alpha=8", "lr=1e-2"]),
            ("rslora", 3, 6 / 3**0.5, ["rank=3", "alpha=6", "rslora=true", "lr=1e-2", "targets=q_proj,down_proj"]),
        ):
            train(place / "data", place / name, *settings)
            opened(place / name / "adapter-best", rank, scale)
            model, _ = opened(place / name / "adapter", rank, scale)
            compare_embeddings(model, place / name / "adapter", place)

        config = LoraConfig(r=5, lora_alpha=7, use_rslora=True, lora_dropout=0.1, init_lora_weights=False,
                            target_modules=["q_proj", "v_proj", "down_proj"], task_type="FEATURE_EXTRACTION")  # fmt: skip
        theirs = get_peft_model(AutoModel.from_pretrained(MODEL), config)
        theirs.save_pretrained(place / "peft")
        before = load_file(place / "peft/adapter_model.safetensors")
        for name, lr in (("still", "0"), ("moved", "1e-3")):
            train(place / "data", place / name, f"lr={lr}", adapter=place / "peft")
            _, after = opened(place / name / "adapter", 5, 7 / 5**0.5)
            same = [torch.equal(before[k], after[k]) for k in before] if before.keys() == after.keys() else [None]
            if lr == "0":
                check("still: PEFT's adapter comes back bit for bit with lr=0", all(same))
            else:
                check("moved: every tensor of PEFT's adapter moved with lr=1e-3", same == [False] * len(before))
    sys.exit(1 if failed else 0)


main()
