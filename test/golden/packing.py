"""Random int4 linears and how GPTQ, AWQ and GGUF's K-quants lay them out, written from the format descriptions.

K = input features, N = output features, G = groups along K. Nothing here reads a packed file: check.py unpacks the
committed bytes with code of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import gguf
import numpy as np

from shapes import rng

AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)


@dataclass(frozen=True)
class Int4Linear:
    """W[k, n] = scales[g_idx[k], n] * (q[k, n] - zeros[g_idx[k], n])."""

    q: np.ndarray  # [K, N], 0..15
    zeros: np.ndarray  # [G, N], 0..16
    scales: np.ndarray  # [G, N], float16
    g_idx: np.ndarray  # [K]

    def weight(self) -> np.ndarray:
        """The float32 weight as nn.Linear holds it, [N, K]."""
        centred = self.q.astype(np.float32) - self.zeros.astype(np.float32)[self.g_idx]
        return np.ascontiguousarray((self.scales.astype(np.float32)[self.g_idx] * centred).T)


def random_int4(model: str, path: str, n: int, k: int, group: int, zeros: tuple[int, int] | None, act_order: bool, gain: float) -> Int4Linear:
    """A random int4 linear. `group` -1 is one group; `zeros` is the allowed range of zero points, None means 8 (symmetric).

    Both ends of the range are forced into the first columns, so that an off-by-one or a wrap at 16 shows. The last
    group is short where `group` does not divide K. With `act_order`, g_idx is a random shuffle.
    """
    r = rng(model, path, "int4")
    size = k if group == -1 else group
    g_idx = np.arange(k) // size
    groups = int(g_idx[-1]) + 1
    if act_order:
        g_idx = r.permutation(g_idx)
    q = r.integers(0, 16, (k, n))
    scales = (r.uniform(0.6, 1.4, (groups, n)) * gain / (4.6 * k**0.5)).astype(np.float16)
    if zeros is None:
        z = np.full((groups, n), 8)
    else:
        z = np.clip(np.rint(r.normal(8, 2, (groups, n))), *zeros).astype(np.int64)
        z[:, 0], z[0, 3], z[-1, n - 1] = zeros[1], zeros[0], zeros[1]
    return Int4Linear(q, z, scales, g_idx)


def nibbles_to_words(nibbles: np.ndarray) -> np.ndarray:
    """[..., 8] values 0..15, the first in the lowest four bits, to int32 words [...]."""
    words = (nibbles.astype(np.uint32) << (4 * np.arange(8, dtype=np.uint32))).sum(-1, dtype=np.uint32)
    return words.view(np.int32)


def pack_gptq(w: Int4Linear, version: int) -> dict[str, np.ndarray]:
    """qweight [K/8, N] packed along K; qzeros [G, N/8] packed along N, stored less one in version 1; scales; g_idx."""
    k, n = w.q.shape
    stored = w.zeros - 1 if version == 1 else w.zeros
    assert stored.min() >= 0 and stored.max() <= 15
    return {
        "qweight": nibbles_to_words(w.q.reshape(k // 8, 8, n).transpose(0, 2, 1)),
        "qzeros": nibbles_to_words(stored.reshape(-1, n // 8, 8)),
        "scales": w.scales,
        "g_idx": w.g_idx.astype(np.int32),
    }


def pack_awq(w: Int4Linear) -> dict[str, np.ndarray]:
    """GEMM version: qweight [K, N/8] and qzeros [G, N/8], nibble i of a word being column 8c + AWQ_ORDER[i]."""
    k, n = w.q.shape
    interleave = lambda x: nibbles_to_words(x.reshape(-1, n // 8, 8)[..., AWQ_ORDER])
    return {"qweight": interleave(w.q), "qzeros": interleave(w.zeros), "scales": w.scales}


def random_q4_k(r: np.random.Generator, n: int, k: int, std: float) -> np.ndarray:
    """Random Q4_K blocks as bytes [N, K/256 * 144], weights of about zero mean and spread `std`.

    A block: f16 d, f16 dmin, 12 bytes with eight 6-bit scales and eight 6-bit mins, 128 bytes of nibbles. All 12 bytes
    are random, so every bit of the scale packing counts.
    """
    blocks = n * k // 256
    d = r.uniform(0.8, 1.2, (blocks, 1)) * std / (2 * 4.6 * 36)  # 36: root mean square of a 6-bit scale; 2: random mins spread too
    header = np.concatenate([d, 7.5 * d], axis=1).astype(np.float16).view(np.uint8)
    body = r.integers(0, 256, (blocks, 12 + 128), dtype=np.uint8)
    return np.concatenate([header, body], axis=1).reshape(n, -1)


def random_q6_k(r: np.random.Generator, n: int, k: int, std: float) -> np.ndarray:
    """Random Q6_K blocks as bytes [N, K/256 * 210]: 128 bytes low nibbles, 64 bytes high pairs, 16 int8 scales, f16 d."""
    blocks = n * k // 256
    quants = r.integers(0, 256, (blocks, 128 + 64), dtype=np.uint8)
    scales = (r.integers(20, 128, (blocks, 16)) * r.choice([-1, 1], (blocks, 16))).astype(np.int8)
    d = (r.uniform(0.8, 1.2, (blocks, 1)) * std / (18.5 * 80)).astype(np.float16)
    return np.concatenate([quants, scales.view(np.uint8), d.view(np.uint8)], axis=1).reshape(n, -1)


def ggml_encode(model: str, name: str, weight: np.ndarray, kind: str, std: float) -> tuple[np.ndarray, np.ndarray]:
    """(bytes or values to store, the float32 weight they mean) for one GGML type; K-quants ignore `weight`'s values."""
    qtype = gguf.GGMLQuantizationType[kind]
    if kind in ("Q4_K", "Q6_K"):
        stored = {"Q4_K": random_q4_k, "Q6_K": random_q6_k}[kind](rng(model, name, kind), *weight.shape, std)
    else:
        stored = gguf.quants.quantize(weight, qtype)
    return stored, gguf.quants.dequantize(stored, qtype).astype(np.float32)
