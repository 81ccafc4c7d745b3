"""PEFT's LoRA step at the shapes of `lacuna bench --step`, on the same GPU: a line a case.

    python3 peer_step.py [0.5B 1.5B 7B 32B] [--keep] [--seconds 20]

transformers' Qwen2 with random weights: linears in int4 (groups of 128), dequantised to bf16 and multiplied by cuBLAS, and again
for their gradient; everything else in bf16, LoRA of rank 32 on all linears in f32 under autocast, dropout .05, AdamW fused. 16
queries of 144 tokens and 112 passages of 32, the last token's vectors, contrastive cross-entropy. Layers are checkpointed;
--keep: not. `tiny` is a shape for a CPU, which says nothing but that the script works.
"""

import argparse
import time

import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from transformers import Qwen2Config, Qwen2Model

CUDA = torch.cuda.is_available()
DEVICE = "cuda" if CUDA else "cpu"
GROUP = 128
# hidden, layers, heads, KV heads, ffn, vocabulary, tied
SHAPES = {
    "tiny": (256, 2, 4, 2, 512, 512),
    "0.5B": (896, 24, 14, 2, 4864, 151936),
    "1.5B": (1536, 28, 12, 2, 8960, 151936),
    "7B": (3584, 28, 28, 4, 18944, 152064),
    "32B": (5120, 64, 40, 8, 27648, 152064),
}
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def dequantised(packed, scale):
    """bf16 [N, K] of uint8 [N, K / 2], two nibbles each, and bf16 [N, K / GROUP]."""
    q = torch.stack((packed & 15, packed >> 4), dim=-1).view(packed.shape[0], -1, GROUP)
    return ((q.to(torch.bfloat16) - 8) * scale.unsqueeze(-1)).view(packed.shape[0], -1)


class Product(torch.autograd.Function):
    """x Wᵀ and dY W, W made anew in each, so that it is not kept between them."""

    @staticmethod
    def forward(ctx, x, packed, scale):
        ctx.save_for_backward(packed, scale)
        return x @ dequantised(packed, scale).t()

    @staticmethod
    def backward(ctx, dy):
        return dy @ dequantised(*ctx.saved_tensors), None, None


class Q4Linear(torch.nn.Linear):
    def __init__(self, K, N, bias):
        super().__init__(1, 1, bias=False, device=DEVICE, dtype=torch.bfloat16)
        self.in_features, self.out_features = K, N
        self.packed = torch.randint(0, 256, (N, K // 2), dtype=torch.uint8, device=DEVICE)
        self.scale = torch.full((N, K // GROUP), 0.22 / K**0.5, dtype=torch.bfloat16, device=DEVICE)
        self.bias = torch.nn.Parameter(torch.zeros(N, device=DEVICE, dtype=torch.bfloat16), False) if bias else None

    def forward(self, x):
        y = Product.apply(x.to(torch.bfloat16), self.packed, self.scale)
        return y if self.bias is None else y + self.bias


def build(name, keep):
    hidden, layers, heads, kv_heads, ffn, vocab = SHAPES[name]
    config = Qwen2Config(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        intermediate_size=ffn,
        vocab_size=vocab,
        attn_implementation="sdpa",
        use_cache=False,
    )
    with torch.device("meta"):
        model = Qwen2Model(config)
    for module in list(model.modules()):
        for child, linear in list(module.named_children()):
            if isinstance(linear, torch.nn.Linear):
                setattr(module, child, Q4Linear(linear.in_features, linear.out_features, linear.bias is not None))
    model.embed_tokens = torch.nn.Embedding(vocab, hidden, device=DEVICE, dtype=torch.bfloat16)
    rotary = type(model.rotary_emb)(config).to(DEVICE)
    model.rotary_emb = rotary
    for module in model.modules():
        if "RMSNorm" in type(module).__name__:
            module.weight = torch.nn.Parameter(torch.ones(hidden, device=DEVICE, dtype=torch.bfloat16))
    model.requires_grad_(False)
    model = get_peft_model(model, LoraConfig(r=32, lora_alpha=64, lora_dropout=0.05, target_modules=LINEARS))
    if not keep:
        model.enable_input_require_grads()
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return model.train()


def measure(name, keep, seconds):
    if CUDA:
        torch.cuda.reset_peak_memory_stats()
    model = build(name, keep)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-5, betas=(0.9, 0.95), fused=CUDA)
    vocab = SHAPES[name][-1]
    # A CPU gets a fraction.
    (n_queries, query), (n_passages, passage) = ((16, 144), (112, 32)) if CUDA else ((2, 9), (3, 5))
    queries = torch.randint(0, vocab, (n_queries, query), device=DEVICE)
    passages = torch.randint(0, vocab, (n_passages, passage), device=DEVICE)
    targets = torch.arange(n_queries, device=DEVICE) % n_passages

    def vectors(ids):
        return F.normalize(model(input_ids=ids).last_hidden_state[:, -1].float(), dim=-1)

    def step():
        with torch.autocast(DEVICE, dtype=torch.bfloat16):
            q, p = vectors(queries), vectors(passages)
        loss = F.cross_entropy(20 * q @ p.t(), targets)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    times, spent = [], 0.0
    while len(times) < 5 and (spent < seconds or len(times) < 2):
        began = time.perf_counter()
        loss = step()
        spent += time.perf_counter() - began
        times.append(time.perf_counter() - began)
        assert loss == loss, "the loss is NaN"
    ms = 1e3 * sorted(times[1:])[len(times[1:]) // 2]
    tokens = queries.numel() + passages.numel()
    memory = f", {torch.cuda.max_memory_allocated() / 1e9:.1f} GB" if CUDA else ""
    where = torch.cuda.get_device_name() if CUDA else "CPU"
    print(
        f"PEFT, Qwen2.5-{name}, int4 dequantised, layers {'kept' if keep else 'run again'}: {ms:.1f} ms a step, "
        f"{1e3 * tokens / ms:.0f} tokens/s{memory}; torch {torch.__version__}, {where}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", default=["0.5B", "1.5B", "7B", "32B"])
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--seconds", type=float, default=20)
    a = parser.parse_args()
    for name in a.names:
        try:
            measure(name, a.keep, a.seconds)
        except torch.cuda.OutOfMemoryError:
            print(f"PEFT, Qwen2.5-{name}, layers {'kept' if a.keep else 'run again'}: out of memory", flush=True)
        torch.cuda.empty_cache() if CUDA else None


if __name__ == "__main__":
    main()
