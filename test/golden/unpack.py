"""Reads the goldens back: safetensors, GPTQ, AWQ and GGUF files parsed and dequantised in numpy float64 from their bytes.

Shares nothing with packing.py, which wrote them; check.py judges with it.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np

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
