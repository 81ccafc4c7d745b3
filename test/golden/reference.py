"""What transformers and PEFT compute in float64 with given weights: hidden states, logits, embeddings, gradients."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from peft import LoraConfig, TaskType, get_peft_model
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, LlamaModel, Qwen2Config, Qwen2ForCausalLM, Qwen2Model
from transformers.models.llama import modeling_llama
from transformers.models.qwen2 import modeling_qwen2

from shapes import LINEARS, Shape, config, rng

CLASSES = {
    "qwen2": (Qwen2Config, Qwen2ForCausalLM, Qwen2Model),
    "llama": (LlamaConfig, LlamaForCausalLM, LlamaModel),
}
LENGTHS = (1, 7, 21)
QUERY_LENGTHS, PASSAGE_LENGTHS = (5, 9, 3), (4, 7, 2, 11, 6)
LABELS = (0, 1, 2)  # the passage that answers each query; passages 3 and 4 are negatives for all
TEMPERATURE = 20.0


def use_float64() -> None:
    """Make the two places where transformers drops to float32 whatever the model's dtype (norm, rotary angles) keep it.

    The formulas are transformers' own. check.py compares the result with unchanged transformers in float32.
    """

    def rms_norm(self, x):
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon))

    @torch.no_grad()
    def rotary(self, x, position_ids):
        dim = 2 * self.inv_freq.shape[0]
        theta = self.config.rope_parameters["rope_theta"]
        inv_freq = theta ** -(torch.arange(0, dim, 2, dtype=torch.float64) / dim)
        angles = position_ids[..., None].double() * inv_freq
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos().to(x.dtype), angles.sin().to(x.dtype)

    for norm in (modeling_qwen2.Qwen2RMSNorm, modeling_llama.LlamaRMSNorm):
        norm.forward = rms_norm
    for rope in (modeling_qwen2.Qwen2RotaryEmbedding, modeling_llama.LlamaRotaryEmbedding):
        rope.forward = rotary


def build(shape: Shape, weights: dict[str, np.ndarray], bare: bool = False):
    """The transformers model with these weights, float32, for causal LM or (`bare`) without its head."""
    config_class, causal, body = CLASSES[shape.arch]
    settings = {k: v for k, v in config(shape, "float32").items() if k not in ("torch_dtype", "architectures")}
    model = (body if bare else causal)(config_class(**settings, attn_implementation="sdpa")).eval()
    state = {name: torch.from_numpy(w) for name, w in weights.items()}
    if bare:
        state = {name.removeprefix("model."): w for name, w in state.items() if name != "lm_head.weight"}
    elif shape.tied:
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state, strict=True)
    return model


def sequences(name: str, vocab: int, lengths: tuple[int, ...]) -> list[torch.Tensor]:
    """Fixed random ids of the given lengths; the longest begins with the table's first and last row."""
    r = rng("ids", name)
    ids = [torch.from_numpy(r.integers(0, vocab, n)) for n in lengths]
    ids[int(np.argmax(lengths))][:2] = torch.tensor([0, vocab - 1])
    return ids


def packed(ids: list[torch.Tensor]) -> dict[str, torch.Tensor]:
    """`input_ids` I32 [T], all sequences end to end, and `offsets` I32 [sequences + 1]."""
    ends = np.cumsum([0] + [len(s) for s in ids])
    return {"input_ids": torch.cat(ids).int(), "offsets": torch.from_numpy(ends).int()}


def decoder_of(model):
    """The module with embed_tokens, layers and norm, below PEFT's wrapper and the causal LM's."""
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return getattr(inner, "model", inner)


def embed(model, ids: list[torch.Tensor]) -> torch.Tensor:
    """L2-normalised final hidden state of each sequence's last token, [sequences, hidden]."""
    decoder = decoder_of(model)
    last = torch.stack([decoder(input_ids=s[None], use_cache=False).last_hidden_state[0, -1] for s in ids])
    return torch.nn.functional.normalize(last, dim=-1)


@torch.no_grad()
def expected(model, ids: list[torch.Tensor], every_layer: bool = True) -> dict[str, torch.Tensor]:
    """Hidden states, final state, logits (causal LM only) and embeddings of packed sequences, each sequence run alone."""
    decoder, seen = decoder_of(model), {}

    def record(name):
        def hook(_module, _args, out):
            seen.setdefault(name, []).append((out[0] if isinstance(out, tuple) else out)[0])

        return hook

    watched = {"final": decoder.norm}
    if every_layer:
        watched |= {"hidden.0": decoder.embed_tokens} | {f"hidden.{i + 1}": m for i, m in enumerate(decoder.layers)}
    hooks = [module.register_forward_hook(record(name)) for name, module in watched.items()]
    for s in ids:
        out = model(input_ids=s[None], use_cache=False)
        if hasattr(out, "logits"):
            seen.setdefault("logits", []).append(out.logits[0])
    for hook in hooks:
        hook.remove()
    return packed(ids) | {k: torch.cat(v) for k, v in seen.items()} | {"embedding": embed(model, ids)}


def save(path: Path, tensors: dict[str, torch.Tensor]) -> None:
    """Write as safetensors, float64 rounded to float32."""
    narrow = lambda t: t.detach().float() if t.is_floating_point() else t
    save_file({k: narrow(t).contiguous() for k, t in tensors.items()}, path)


@dataclass(frozen=True)
class Adapter:
    """One PEFT adapter: its name, LoraConfig's arguments, whether it sits on a bare model (AutoModel)."""

    name: str
    settings: dict = field(default_factory=dict)
    bare: bool = False


ALL_SEVEN = [name.split(".")[1] for name in LINEARS]
R4 = Adapter("r4", {"r": 4, "lora_alpha": 8, "target_modules": ALL_SEVEN})
RSLORA = Adapter("rslora", {"r": 3, "lora_alpha": 6, "target_modules": r".*\.(q|v)_proj", "use_rslora": True})
ALL_LINEAR = Adapter("all-linear", {"r": 2, "lora_alpha": 5, "target_modules": "all-linear"})
LAYER_1 = Adapter("layer1", {"r": 2, "lora_alpha": 2, "target_modules": ["o_proj", "up_proj"], "layers_to_transform": [1]})
BARE = Adapter("bare", {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj", "down_proj"]}, bare=True)


def attach(model_name: str, adapter: Adapter, model, folder: Path | None):
    """PEFT's model with random non-zero A and B; saved by PEFT itself below `folder` where one is given."""
    model.config._name_or_path = model.name_or_path = f"test/golden/{model_name}"
    task = TaskType.FEATURE_EXTRACTION if adapter.bare else TaskType.CAUSAL_LM
    peft_model = get_peft_model(model, LoraConfig(task_type=task, lora_dropout=0.0, bias="none", **adapter.settings))
    for name, p in peft_model.named_parameters():
        if "lora_" not in name:
            continue
        r = rng(model_name, adapter.name, name)
        bound = p.shape[1] ** -0.5
        values = r.uniform(-bound, bound, p.shape) if "lora_A" in name else 0.25 * r.standard_normal(p.shape)
        p.data = torch.from_numpy(values.astype(np.float32))
    if folder is not None:
        peft_model.save_pretrained(folder, save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
    return peft_model.eval()


def contrastive(model, ids: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(mean cross-entropy of TEMPERATURE * cosine, scores [queries, passages], embeddings); queries come first."""
    e = embed(model, ids)
    queries, passages = e[: len(QUERY_LENGTHS)], e[len(QUERY_LENGTHS) :]
    scores = TEMPERATURE * queries @ passages.T
    return torch.nn.functional.cross_entropy(scores, torch.tensor(LABELS)), scores, e


def gradients(model, vocab: int, lr: float, keep_row: int = 1) -> dict[str, torch.Tensor]:
    """The contrastive loss, its gradient for every parameter that asks for one, and the losses of ten AdamW steps.

    `losses[t]` is the loss before step t + 1. Matrices keep every `keep_row`-th row of their gradient, and with
    keep_row > 1 also the sum of each row, which every entry reaches.
    """
    ids = sequences("batch", vocab, QUERY_LENGTHS + PASSAGE_LENGTHS)
    params = {n.replace(".default", ""): p for n, p in model.named_parameters() if p.requires_grad}
    optimizer = torch.optim.AdamW(params.values(), lr=lr, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.01)
    out, losses = packed(ids) | {"labels": torch.tensor(LABELS).int()}, []
    for step in range(10):
        optimizer.zero_grad()
        loss, scores, e = contrastive(model, ids)
        loss.backward()
        losses.append(loss.detach())
        if step == 0:
            out |= {"loss": loss.reshape(1), "scores": scores, "embedding": e}
            for name, p in params.items():
                if p.grad is None:
                    continue
                g = p.grad.clone()
                sampled = keep_row > 1 and g.ndim == 2
                out[f"grad.{name}"] = g[::keep_row] if sampled else g
                if sampled:
                    out[f"rowsum.{name}"] = g.sum(1)
        optimizer.step()
    return out | {"losses": torch.stack(losses), "learning_rate": torch.tensor([lr])}
