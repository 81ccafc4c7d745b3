"""Judges the committed goldens with code that shares nothing with what wrote them.

Three judges: a decoder in numpy float64 that reads the files and unpacks every format itself; the slope of the
contrastive loss by central differences of that decoder, against the stored gradients; and unchanged transformers, PEFT
and tokenizers in float32, where they can load the folder.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np

from unpack import read_folder, read_gguf, read_safetensors

# ---------------------------------------------------------------------------------------------- decoder


def rms_norm(x: np.ndarray, weight: np.ndarray, eps: float) -> np.ndarray:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def rope(x: np.ndarray, theta: float) -> np.ndarray:
    """Rotate [T, heads, d] by position: element i of the first half with element i of the second."""
    t, _, d = x.shape
    z = x[..., : d // 2] + 1j * x[..., d // 2 :]
    z = z * np.exp(1j * np.arange(t)[:, None, None] * theta ** (-2 * np.arange(d // 2) / d))
    return np.concatenate([z.real, z.imag], axis=-1)


def forward(config: dict, w: dict[str, np.ndarray], ids: np.ndarray) -> list[np.ndarray]:
    """Hidden states after the embedding and each layer, then the final normalised one, of one sequence."""
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    heads, kv_heads, eps = (config[k] for k in ("num_attention_heads", "num_key_value_heads", "rms_norm_eps"))
    t, x = len(ids), w["model.embed_tokens.weight"][ids]
    future = np.triu(np.ones((t, t), bool), 1)
    states = [x]
    for i in range(config["num_hidden_layers"]):
        at = f"model.layers.{i}."
        linear = lambda name, y: y @ w[f"{at}{name}.weight"].T + w.get(f"{at}{name}.bias", 0.0)
        h = rms_norm(x, w[f"{at}input_layernorm.weight"], eps)
        q = rope(linear("self_attn.q_proj", h).reshape(t, heads, -1), theta)
        k = rope(linear("self_attn.k_proj", h).reshape(t, kv_heads, -1), theta)
        v = linear("self_attn.v_proj", h).reshape(t, kv_heads, -1)
        mixed = []
        for head in range(heads):
            g = head * kv_heads // heads
            s = q[:, head] @ k[:, g].T / q.shape[-1] ** 0.5
            p = np.exp(np.where(future, -np.inf, s - s.max(-1, keepdims=True)))
            mixed.append(p / p.sum(-1, keepdims=True) @ v[:, g])
        x = x + linear("self_attn.o_proj", np.concatenate(mixed, axis=1))
        h = rms_norm(x, w[f"{at}post_attention_layernorm.weight"], eps)
        gate = linear("mlp.gate_proj", h)
        x = x + linear("mlp.down_proj", gate / (1 + np.exp(-gate)) * linear("mlp.up_proj", h))
        states.append(x)
    return [*states, rms_norm(x, w["model.norm.weight"], eps)]


def embed(config: dict, w: dict[str, np.ndarray], sequences: list[np.ndarray]) -> np.ndarray:
    last = np.stack([forward(config, w, s)[-1][-1] for s in sequences])
    return last / np.linalg.norm(last, axis=1, keepdims=True)


def lora_paths(adapter: dict[str, np.ndarray]) -> list[str]:
    return [k.removesuffix(".lora_A.weight") for k in adapter if k.endswith(".lora_A.weight")]


def merge(w: dict[str, np.ndarray], settings: dict, adapter: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Weights with s * B A added where the adapter file has a pair; both key forms."""
    s = settings["lora_alpha"] / (settings["r"] ** (0.5 if settings["use_rslora"] else 1))
    w = dict(w)
    for path in lora_paths(adapter):
        a, b = (adapter[f"{path}.lora_{x}.weight"].astype(np.float64) for x in "AB")
        target = "model." + path.removeprefix("base_model.model.").removeprefix("model.") + ".weight"
        w[target] = w[target] + s * b @ a
    return w


# ------------------------------------------------------------------------------------------------- verdict


class Report:
    """Prints one line a comparison and remembers whether any failed."""

    def __init__(self):
        self.failed = 0

    def close(self, what: str, got: np.ndarray, want: np.ndarray, tolerance: float) -> None:
        """Largest absolute difference over the largest value, against `tolerance`."""
        error = float(np.abs(got - want).max() / max(np.abs(want).max(), 1e-30)) if got.shape == want.shape else np.inf
        bad = not error <= tolerance
        self.failed += bad
        print(f"{'FAIL' if bad else 'ok  '} {error:8.1e} {what}")


def split(t: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [t["input_ids"][a:b] for a, b in zip(t["offsets"], t["offsets"][1:])]


def check_forward(report: Report, what: str, config: dict, w: dict[str, np.ndarray], want: dict[str, np.ndarray]) -> None:
    """Every stored tensor of an expected file against the numpy decoder."""
    runs = [forward(config, w, s) for s in split(want)]
    states = [np.concatenate(parts) for parts in zip(*runs)]
    names = [f"hidden.{i}" for i in range(len(states) - 1)] + ["final"]
    got = dict(zip(names, states))
    got["logits"] = got["final"] @ w.get("lm_head.weight", w["model.embed_tokens.weight"]).T
    got["embedding"] = embed(config, w, split(want))
    for name in sorted(want.keys() - {"input_ids", "offsets"}):
        report.close(f"{what} {name}", got[name], want[name], 1e-5)


def contrastive_loss(config: dict, w: dict[str, np.ndarray], batch: dict[str, np.ndarray]) -> float:
    """Mean cross-entropy of 20 * cosine, each query against all passages."""
    e = embed(config, w, split(batch))
    n = len(batch["labels"])
    scores = 20 * e[:n] @ e[n:].T
    logsum = np.log(np.exp(scores - scores.max(1, keepdims=True)).sum(1)) + scores.max(1)
    return float((logsum - scores[np.arange(n), batch["labels"]]).mean())


def check_gradients(report: Report, what: str, config: dict, w: dict, want: dict, perturb) -> None:
    """The stored loss, and its slope along a random direction by central differences against gradient dot direction.

    `perturb(step, direction)` gives the weights moved by step * direction, a dict by stored parameter name.
    """
    loss = lambda weights: contrastive_loss(config, weights, want)
    report.close(f"{what} loss", np.array([loss(w)]), want["loss"], 1e-5)
    report.close(f"{what} losses[0]", want["losses"][:1], want["loss"], 1e-6)
    r = np.random.default_rng(0)
    grads = {k.removeprefix("grad."): g.astype(np.float64) for k, g in want.items() if k.startswith("grad.")}
    direction = {k: r.standard_normal(g.shape) / np.linalg.norm(g) for k, g in grads.items()}
    step = 1e-5
    slope = (loss(perturb(step, direction)) - loss(perturb(-step, direction))) / (2 * step)
    dot = sum(float((g * direction[k]).sum()) for k, g in grads.items())
    report.close(f"{what} slope", np.array([slope]), np.array([dot]), 1e-4)


def check_adapter(report: Report, folder: Path, name: str, config: dict, w: dict[str, np.ndarray]) -> None:
    """An adapter's expected values, and its gradients where they are stored."""
    at = folder / "adapters" / name
    settings, adapter = json.loads((at / "adapter_config.json").read_text()), read_safetensors(at / "adapter_model.safetensors")
    merged = merge(w, settings, adapter)
    check_forward(report, f"{folder.name}+{name}", config, merged, read_safetensors(folder / f"expected_{name}.safetensors"))
    grads = folder / f"grads_{name}.safetensors"
    if grads.exists():
        moved = lambda step, way: merge(w, settings, {k: a + step * way[k] for k, a in adapter.items()})
        want = read_safetensors(grads)
        check_gradients(report, f"{folder.name}+{name}", config, merged, want, moved)
        # The first AdamW step has no memory: its update is g / (|g| + eps).
        rate = float(want["learning_rate"][0])
        update = {k: want[f"grad.{k}"].astype(np.float64) for k in adapter}
        stepped = {k: (1 - 0.01 * rate) * adapter[k] - rate * g / (np.abs(g) + 1e-8) for k, g in update.items()}
        loss = np.array([contrastive_loss(config, merge(w, settings, stepped), want)])
        report.close(f"{folder.name}+{name} losses[1]", loss, want["losses"][1:2], 1e-5)


def check_all_weights(report: Report, folder: Path, config: dict, w: dict[str, np.ndarray]) -> None:
    """grads_all: matrices keep every eighth row, so the direction lives in those rows."""
    want = read_safetensors(folder / "grads_all.safetensors")

    def moved(step: float, direction: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        out = dict(w)
        for k, way in direction.items():
            out[k] = w[k].copy()
            out[k][:: 8 if w[k].ndim == 2 else 1] += step * way
        return out

    check_gradients(report, f"{folder.name} all", config, w, want, moved)
    for k in (k for k in want if k.startswith("rowsum.")):
        rows = want[f"grad.{k[7:]}"].astype(np.float64).sum(1)
        report.close(f"{folder.name} {k}", want[k][::8], rows, 1e-5)


def check_stock(report: Report, folder: Path, want: dict[str, np.ndarray]) -> None:
    """Unchanged transformers (and PEFT) in float32 on the folder, where they can load it."""
    import torch
    from peft import PeftModel
    from transformers import AutoModel, AutoModelForCausalLM

    def logits(model, t):
        with torch.no_grad():
            return np.concatenate([model(torch.from_numpy(s.astype(np.int64))[None])[0][0].numpy() for s in split(t)])

    source = {"gguf_file": "model.gguf"} if (folder / "model.gguf").exists() else {}
    load = lambda auto: auto.from_pretrained(folder, dtype=torch.float32, **source).eval()
    report.close(f"{folder.name} transformers float32 logits", logits(load(AutoModelForCausalLM), want), want["logits"], 1e-4)
    for at in sorted(folder.glob("adapters/*")):
        t = read_safetensors(folder / f"expected_{at.name}.safetensors")
        key = "logits" if "logits" in t else "final"
        model = PeftModel.from_pretrained(load(AutoModelForCausalLM if key == "logits" else AutoModel), at).eval()
        report.close(f"{folder.name}+{at.name} PEFT float32 {key}", logits(model, t), t[key], 1e-4)


def check_tokenizer(report: Report, folder: Path, rows: list[dict]) -> None:
    """expected_tokens.json against transformers' reading of tokenizer.json, or of the GGUF file."""
    from transformers import AutoTokenizer

    source = {"gguf_file": "model.gguf"} if (folder / "model.gguf").exists() else {}
    tok = AutoTokenizer.from_pretrained(folder, **source)
    for row in rows:
        got = tok(row["text"], add_special_tokens=False)["input_ids"]
        bad = got != row["ids"]
        report.failed += bad
        print(f"{'FAIL' if bad else 'ok  '} {'':8} {folder.name} tokens of {row['text']!r}", got if bad else "")


def run(root: Path, names: list[str]) -> int:
    """Check the named folders below `root`; 1 if anything differs."""
    report = Report()
    for folder in (root / name for name in names):
        gguf = folder / "model.gguf"
        config, w = read_gguf(gguf) if gguf.exists() else read_folder(folder)
        want = read_safetensors(folder / "expected.safetensors")
        check_forward(report, folder.name, config, w, want)
        for at in sorted(folder.glob("adapters/*")):
            check_adapter(report, folder, at.name, config, w)
        if (folder / "grads_all.safetensors").exists():
            check_all_weights(report, folder, config, w)
        if not re.match("gptq|awq", folder.name):
            check_stock(report, folder, want)
        if (folder / "expected_tokens.json").exists():
            check_tokenizer(report, folder, json.loads((folder / "expected_tokens.json").read_text()))
    print(f"{report.failed} failed" if report.failed else "all agree")
    return int(report.failed > 0)
