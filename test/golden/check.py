"""Judges the committed goldens with code that shares nothing with what wrote them.

Three judges: a decoder in numpy float64 that reads the files and unpacks every format itself; the slope of the
contrastive loss by central differences of that decoder, against the stored gradients; and unchanged transformers, PEFT
and tokenizers in float32, where they can load the folder.
"""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

import numpy as np

# ---------------------------------------------------------------------------------------------- files

SAFETENSORS_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4", "U8": "u1"}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a file; BF16 becomes float32."""
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    out = {}
    for name, t in json.loads(data[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + offset for offset in t["data_offsets"])
        a = np.frombuffer(data[begin:end], SAFETENSORS_DTYPES[t["dtype"]]).reshape(t["shape"])
        out[name] = (a.astype("<u4") << 16).view("<f4") if t["dtype"] == "BF16" else a
    return out


class GgufFile:
    """Metadata and dequantised float64 tensors of a GGUF file."""

    SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

    def __init__(self, path: Path):
        self.data, self.at = path.read_bytes(), 4
        assert self.data[:4] == b"GGUF" and self.scalar("I") == 3
        n_tensors, n_keys = self.scalar("Q"), self.scalar("Q")
        self.meta = {self.string(): self.value(self.scalar("I")) for _ in range(n_keys)}
        infos = []
        for _ in range(n_tensors):
            name = self.string()
            dims = [self.scalar("Q") for _ in range(self.scalar("I"))]
            infos.append((name, dims[::-1], self.scalar("I"), self.scalar("Q")))
        align = self.meta.get("general.alignment", 32)
        start = -(-self.at // align) * align
        self.tensors = {name: self.tensor(shape, kind, start + offset) for name, shape, kind, offset in infos}

    def scalar(self, code: str):
        (v,) = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return v

    def string(self) -> str:
        n = self.scalar("Q")
        self.at += n
        return self.data[self.at - n : self.at].decode()

    def value(self, kind: int):
        if kind == 8:
            return self.string()
        if kind == 9:
            inner, n = self.scalar("I"), self.scalar("Q")
            return [self.value(inner) for _ in range(n)]
        return self.scalar(self.SCALARS[kind])

    def tensor(self, shape: list[int], kind: int, start: int) -> np.ndarray:
        block, size, decode = GGML_TYPES[kind]
        raw = np.frombuffer(self.data, np.uint8, int(np.prod(shape)) // block * size, start)
        return decode(raw.reshape(-1, size)).reshape(shape)


def half(b: np.ndarray) -> np.ndarray:
    """Two little-endian bytes a row to float64 [rows, 1]."""
    return np.ascontiguousarray(b).view("<f2").astype(np.float64)


def halves(b: np.ndarray) -> np.ndarray:
    """All low nibbles of each row, then all high ones."""
    return np.concatenate([b & 15, b >> 4], axis=1).astype(np.float64)


def decode_q4_k(b: np.ndarray) -> np.ndarray:
    """Sub-blocks of 32, one at a time: scale and min by the two cases of the 6-bit packing."""
    d, dmin, packed = half(b[:, 0:2]), half(b[:, 2:4]), b[:, 4:16].astype(int)
    parts = []
    for j in range(8):
        if j < 4:
            scale, low = packed[:, j] & 63, packed[:, j + 4] & 63
        else:
            scale = packed[:, j + 4] & 15 | packed[:, j - 4] >> 6 << 4
            low = packed[:, j + 4] >> 4 | packed[:, j] >> 6 << 4
        nibbles = b[:, 16 + 32 * (j // 2) : 48 + 32 * (j // 2)] >> 4 * (j % 2) & 15
        parts.append(d * scale[:, None] * nibbles - dmin * low[:, None])
    return np.concatenate(parts, axis=1)


def decode_q6_k(b: np.ndarray) -> np.ndarray:
    """Element by element as llama.cpp's scalar loop has it: two halves of 128, four quarters of 32 in each."""
    low, high, scales, d = b[:, :128], b[:, 128:192], b[:, 192:208].view(np.int8), half(b[:, 208:210])
    out = np.empty((len(b), 256))
    for h in range(2):
        for i in range(32):
            for quarter in range(4):
                nibble = low[:, 64 * h + 32 * (quarter % 2) + i] >> 4 * (quarter // 2) & 15
                pair = high[:, 32 * h + i] >> 2 * quarter & 3
                q = (nibble | pair << 4).astype(np.float64) - 32
                out[:, 128 * h + 32 * quarter + i] = d[:, 0] * scales[:, 8 * h + 2 * quarter + i // 16] * q
    return out


#: By type id: elements a block, bytes a block, decoder of [blocks, bytes].
GGML_TYPES = {
    0: (1, 4, lambda b: b.view("<f4").astype(np.float64)),
    1: (1, 2, half),
    2: (32, 18, lambda b: half(b[:, :2]) * (halves(b[:, 2:]) - 8)),
    3: (32, 20, lambda b: half(b[:, :2]) * halves(b[:, 4:]) + half(b[:, 2:4])),
    8: (32, 34, lambda b: half(b[:, :2]) * b[:, 2:].view(np.int8)),
    12: (256, 144, decode_q4_k),
    14: (256, 210, decode_q6_k),
    30: (1, 2, lambda b: (b.view("<u2").astype("<u4") << 16).view("<f4").astype(np.float64)),
}

# ------------------------------------------------------------------------------------- int4 safetensors


def nibble(words: np.ndarray, i: int) -> np.ndarray:
    return (words.astype(np.int64) >> 4 * i & 15).astype(np.float64)


def unpack_gptq(t: dict[str, np.ndarray], version: int) -> np.ndarray:
    """[N, K] from a layer's qweight, qzeros, scales, g_idx."""
    rows, n = t["qweight"].shape
    q, zeros = np.empty((8 * rows, n)), np.empty(t["scales"].shape)
    for i in range(8):
        q[i::8] = nibble(t["qweight"], i)
        zeros[:, i::8] = nibble(t["qzeros"], i) + (version == 1)
    scales = t["scales"].astype(np.float64)
    return np.stack([scales[g] * (q[k] - zeros[g]) for k, g in enumerate(t["g_idx"])], axis=1)


def unpack_awq(t: dict[str, np.ndarray], group: int) -> np.ndarray:
    """[N, K]: column 8c + j of a word is nibble [0, 4, 1, 5, 2, 6, 3, 7][j]."""
    k, columns = t["qweight"].shape
    q, zeros = np.empty((k, 8 * columns)), np.empty(t["scales"].shape)
    for j, i in enumerate((0, 4, 1, 5, 2, 6, 3, 7)):
        q[:, j::8], zeros[:, j::8] = nibble(t["qweight"], i), nibble(t["qzeros"], i)
    scales = t["scales"].astype(np.float64)
    return np.stack([scales[r // group] * (q[r] - zeros[r // group]) for r in range(k)], axis=1)


def read_folder(folder: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """(config, float64 weights under transformers' names) of a safetensors folder."""
    config = json.loads((folder / "config.json").read_text())
    index = folder / "model.safetensors.index.json"
    files = set(json.loads(index.read_text())["weight_map"].values()) if index.exists() else {"model.safetensors"}
    tensors = {k: t for file in sorted(files) for k, t in read_safetensors(folder / file).items()}
    separate = folder / "quantize_config.json"
    quant = config.get("quantization_config") or (json.loads(separate.read_text()) if separate.exists() else None)
    for path in [k.removesuffix(".qweight") for k in tensors if k.endswith(".qweight")]:
        parts = {p: tensors.pop(f"{path}.{p}") for p in ("qweight", "qzeros", "scales", "g_idx") if f"{path}.{p}" in tensors}
        if quant["quant_method"] == "awq":
            tensors[f"{path}.weight"] = unpack_awq(parts, quant["group_size"])
        else:
            tensors[f"{path}.weight"] = unpack_gptq(parts, 2 if quant.get("checkpoint_format") == "gptq_v2" else 1)
    return config, {k: t.astype(np.float64) for k, t in tensors.items()}


def read_gguf(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """(the config keys that forward needs, float64 weights under transformers' names) of a GGUF file."""
    file = GgufFile(path)
    arch = file.meta["general.architecture"]
    get = lambda key: file.meta[f"{arch}.{key}"]
    heads, kv_heads = get("attention.head_count"), get("attention.head_count_kv")
    config = {
        "num_hidden_layers": get("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "rms_norm_eps": get("attention.layer_norm_rms_epsilon"),
        "rope_theta": get("rope.freq_base"),
    }
    renames = (
        ("token_embd", "model.embed_tokens"), ("output_norm", "model.norm"), ("blk.", "model.layers."),
        ("attn_norm", "input_layernorm"), ("ffn_norm", "post_attention_layernorm"), ("attn_output", "self_attn.o_proj"),
        ("attn_q", "self_attn.q_proj"), ("attn_k", "self_attn.k_proj"), ("attn_v", "self_attn.v_proj"),
        ("ffn_", "mlp."), ("gate.", "gate_proj."), ("up.", "up_proj."), ("down.", "down_proj."),
    )  # fmt: skip
    weights = {}
    for name, t in file.tensors.items():
        if arch == "llama" and ("attn_q." in name or "attn_k." in name):
            d = t.shape[0] // (heads if "attn_q." in name else kv_heads)
            source = [r // d * d + (r % d * 2 if r % d < d // 2 else (r % d - d // 2) * 2 + 1) for r in range(len(t))]
            t = t[source]  # row i of a half sits at 2i, row d/2 + i at 2i + 1
        for old, new in renames:
            name = name.replace(old, new)
        weights["lm_head.weight" if name == "output.weight" else name] = t
    return config, weights


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
