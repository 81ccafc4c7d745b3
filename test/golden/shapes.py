"""The tiny decoders of the goldens: their sizes, their random weights under Hugging Face names, their config.json."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

#: The seven linear layers of a decoder layer, as module paths below `model.layers.<i>.`.
LINEARS = (
    "self_attn.q_proj",
    "self_attn.k_proj",
    "self_attn.v_proj",
    "self_attn.o_proj",
    "mlp.gate_proj",
    "mlp.up_proj",
    "mlp.down_proj",
)


@dataclass(frozen=True)
class Shape:
    """Sizes of one decoder. `arch` is 'qwen2' (biases on q, k, v) or 'llama' (none)."""

    arch: str
    hidden: int = 64
    layers: int = 2
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 16
    ffn: int = 160
    vocab: int = 131
    tied: bool = True
    theta: float = 1e6
    eps: float = 1e-6

    def linear(self, name: str) -> tuple[int, int]:
        """[out, in] of one of LINEARS."""
        q, kv = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return {
            "q_proj": (q, self.hidden),
            "k_proj": (kv, self.hidden),
            "v_proj": (kv, self.hidden),
            "o_proj": (self.hidden, q),
            "gate_proj": (self.ffn, self.hidden),
            "up_proj": (self.ffn, self.hidden),
            "down_proj": (self.hidden, self.ffn),
        }[name.split(".")[-1]]

    def embedding_std(self) -> float:
        """Spread of the embedding table, such that tied logits spread by about 4."""
        return 4 / self.hidden**0.5

    def linear_paths(self) -> list[str]:
        """Every linear of every layer, e.g. 'model.layers.0.mlp.up_proj'."""
        return [f"model.layers.{i}.{name}" for i in range(self.layers) for name in LINEARS]


def rng(*key: str) -> np.random.Generator:
    """A generator that depends on its key alone, so that adding a model never changes another's bytes."""
    return np.random.default_rng([zlib.crc32(part.encode()) for part in key])


def gain(path: str) -> float:
    """Standard deviation times sqrt(in): q and k a little larger, so that attention is far from uniform."""
    return 1.6 if path.endswith(("q_proj", "k_proj")) else 1.0


def random_weights(model: str, shape: Shape, linears: bool = True) -> dict[str, np.ndarray]:
    """Float32 weights under transformers' names. Without `linears`, only embeddings, norms, biases and the head."""

    def normal(name: str, dims: tuple[int, ...], std: float, mean: float = 0.0) -> np.ndarray:
        return (mean + std * rng(model, name).standard_normal(dims)).astype(np.float32)

    table = (shape.vocab, shape.hidden)
    w = {"model.embed_tokens.weight": normal("embed", table, shape.embedding_std())}
    for i in range(shape.layers):
        for norm in ("input_layernorm", "post_attention_layernorm"):
            path = f"model.layers.{i}.{norm}.weight"
            w[path] = normal(path, (shape.hidden,), 0.2, 1.0)
        for name in LINEARS:
            path = f"model.layers.{i}.{name}"
            n, k = shape.linear(name)
            if linears:
                w[f"{path}.weight"] = normal(path, (n, k), gain(path) / k**0.5)
            if shape.arch == "qwen2" and name.endswith(("q_proj", "k_proj", "v_proj")):
                w[f"{path}.bias"] = normal(f"{path}.bias", (n,), 0.3)
    w["model.norm.weight"] = normal("norm", (shape.hidden,), 0.2, 1.0)
    if not shape.tied:
        w["lm_head.weight"] = normal("lm_head", table, 2 / shape.hidden**0.5)
    return w


def config(shape: Shape, dtype: str) -> dict:
    """config.json as the hub's Qwen2.5 and Llama repositories write it (`rope_theta` and `torch_dtype` at the top)."""
    common = {
        "architectures": [{"qwen2": "Qwen2ForCausalLM", "llama": "LlamaForCausalLM"}[shape.arch]],
        "attention_dropout": 0.0,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "initializer_range": 0.02,
        "intermediate_size": shape.ffn,
        "max_position_embeddings": 512,
        "model_type": shape.arch,
        "num_attention_heads": shape.heads,
        "num_hidden_layers": shape.layers,
        "num_key_value_heads": shape.kv_heads,
        "rms_norm_eps": shape.eps,
        "rope_theta": shape.theta,
        "tie_word_embeddings": shape.tied,
        "torch_dtype": dtype,
        "use_cache": True,
        "vocab_size": shape.vocab,
    }
    if shape.arch == "qwen2":
        return common | {"max_window_layers": shape.layers, "sliding_window": 512, "use_sliding_window": False}
    return common | {"attention_bias": False, "head_dim": shape.head_dim, "mlp_bias": False, "rope_scaling": None}
