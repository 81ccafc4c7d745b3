"""Writes the goldens of this folder: tiny random checkpoints in every format, and what transformers computes with them.

    python test/golden/make_goldens.py            # write all of them again, the same bytes
    python test/golden/make_goldens.py awq        # only these folders
    python test/golden/make_goldens.py --check    # judge the committed files with independent code (check.py)

Needs torch, transformers, peft and gguf; README.md has the versions. The tests that use the files need no Python.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from dataclasses import dataclass, replace
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
sys.dont_write_bytecode = True  # no __pycache__ in the checkout
if os.environ.get("PYTHONHASHSEED") != "0":  # PEFT writes sets in hash order
    os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | {"PYTHONHASHSEED": "0"})

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

import reference
import tokenizer
from packing import ggml_encode, pack_awq, pack_gptq, random_int4
from reference import ALL_LINEAR, BARE, LAYER_1, LENGTHS, R4, RSLORA, Adapter
from shapes import LINEARS, Shape, config, gain, random_weights

QWEN = Shape("qwen2")
LLAMA = Shape("llama", hidden=96, heads=3, kv_heads=1, head_dim=32, ffn=224, theta=1e5, eps=1e-5, tied=False)
SMALL = replace(QWEN, layers=1, ffn=96, vocab=67)
WIDE = Shape("qwen2", hidden=256, layers=1, heads=4, kv_heads=1, head_dim=64, ffn=256, vocab=67)


@dataclass(frozen=True)
class Golden:
    """One folder: a model's shape, how it is stored, its adapters, and which adapters' gradients are kept."""

    name: str
    shape: Shape
    adapters: tuple[Adapter, ...] = ()
    gradients: tuple[str, ...] = ()  # adapter names, or 'all' for every weight

    def write_model(self, folder: Path) -> dict[str, np.ndarray]:
        """Write the checkpoint; give back the float32 weights that it means, under transformers' names."""
        raise NotImplementedError


@dataclass(frozen=True)
class Plain(Golden):
    """Safetensors in one dtype, in `shards` files, with a tokenizer where `tokens`.

    `modern` lets transformers 5 write config.json (rope_parameters, dtype) instead of the hub's older form.
    """

    dtype: str = "float32"
    shards: int = 1
    tokens: bool = False
    modern: bool = False

    def write_model(self, folder: Path) -> dict[str, np.ndarray]:
        dtype = getattr(torch, self.dtype)
        tensors = {k: torch.from_numpy(w).to(dtype) for k, w in random_weights(self.name, self.shape).items()}
        write_safetensors(folder, tensors, self.shards)
        weights = {k: t.float().numpy() for k, t in tensors.items()}
        if self.modern:
            settings = reference.build(self.shape, weights).config
            settings.architectures, settings.dtype = config(self.shape, self.dtype)["architectures"], self.dtype
            settings.save_pretrained(folder)
        else:
            write_json(folder / "config.json", config(self.shape, self.dtype))
        if self.tokens:
            tokenizer.write_tokenizer(folder)
            tokenizer.write_expected_tokens(folder)
        return weights


@dataclass(frozen=True)
class Gptq(Golden):
    """GPTQ int4 in version 1 or 2; the rest of the model in float16.

    `zeros` is the range of zero points (None: symmetric, 8). `separate_config` writes quantize_config.json as
    AutoGPTQ did, instead of quantization_config inside config.json. `zero_biases` adds the all-zero biases that
    some exporters give to every quantised linear.
    """

    group: int = 32
    version: int = 1
    zeros: tuple[int, int] | None = None
    act_order: bool = False
    separate_config: bool = False
    zero_biases: bool = False

    def quantization(self) -> dict:
        version = {"checkpoint_format": "gptq_v2"} if self.version == 2 else {}
        return {
            "bits": 4,
            "damp_percent": 0.01,
            "desc_act": self.act_order,
            "group_size": self.group,
            "quant_method": "gptq",
            "static_groups": False,
            "sym": self.zeros is None,
            "true_sequential": True,
        } | version

    def write_model(self, folder: Path) -> dict[str, np.ndarray]:
        files, weights = half_precision_rest(self.name, self.shape)
        for path in self.shape.linear_paths():
            n, k = self.shape.linear(path)
            w = random_int4(self.name, path, n, k, self.group, self.zeros, self.act_order, gain(path))
            weights[f"{path}.weight"] = w.weight()
            files |= {f"{path}.{part}": torch.from_numpy(a) for part, a in pack_gptq(w, self.version).items()}
            if self.zero_biases and f"{path}.bias" not in files:
                files[f"{path}.bias"] = torch.zeros(n, dtype=torch.float16)
        write_safetensors(folder, files)
        settings = config(self.shape, "float16")
        if self.separate_config:
            write_json(folder / "quantize_config.json", self.quantization())
        else:
            settings |= {"quantization_config": self.quantization()}
        write_json(folder / "config.json", settings)
        return weights


@dataclass(frozen=True)
class Awq(Golden):
    """AWQ int4, GEMM version, groups of 32, zero points 0..15; the rest of the model in float16."""

    def write_model(self, folder: Path) -> dict[str, np.ndarray]:
        files, weights = half_precision_rest(self.name, self.shape)
        for path in self.shape.linear_paths():
            n, k = self.shape.linear(path)
            w = random_int4(self.name, path, n, k, 32, (0, 15), False, gain(path))
            weights[f"{path}.weight"] = w.weight()
            files |= {f"{path}.{part}": torch.from_numpy(a) for part, a in pack_awq(w).items()}
        write_safetensors(folder, files)
        quantization = {
            "bits": 4,
            "group_size": 32,
            "modules_to_not_convert": None,
            "quant_method": "awq",
            "version": "gemm",
            "zero_point": True,
        }
        write_json(folder / "config.json", config(self.shape, "float16") | {"quantization_config": quantization})
        return weights


GGUF_NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


@dataclass(frozen=True)
class Gguf(Golden):
    """One GGUF file. Matrices are stored as `kind`, except those whose GGUF name `kinds` lists; vectors as F32."""

    kind: str = "F32"
    kinds: tuple[tuple[str, str], ...] = ()
    tokens: bool = False
    alignment: int = 32
    file_type: gguf.LlamaFileType = gguf.LlamaFileType.ALL_F32

    def write_model(self, folder: Path) -> dict[str, np.ndarray]:
        s, weights = self.shape, {}
        out = gguf.GGUFWriter(folder / "model.gguf", s.arch)
        self.write_metadata(out)
        for path, values in random_weights(self.name, s).items():
            name = gguf_name(path)
            if values.ndim == 1:
                weights[path] = values
                rows = values.reshape(-1, 1)
                out.add_tensor(name, self.permute(path, rows).reshape(-1))
                continue
            kind = dict(self.kinds).get(name.split(".")[-2], self.kind)
            std = gain(path.removesuffix(".weight")) / values.shape[1] ** 0.5
            if "embed" in path:
                std = s.embedding_std()
            stored, weights[path] = ggml_encode(self.name, name, values, kind, std)
            # Blocks lie along a row, so rows can be permuted after encoding as well as before.
            out.add_tensor(name, self.permute(path, stored), raw_dtype=gguf.GGMLQuantizationType[kind])
        for write in (out.write_header_to_file, out.write_kv_data_to_file, out.write_tensors_to_file, out.close):
            write()
        if self.tokens:
            tokenizer.write_expected_tokens(folder, composed_only=True)
        return weights

    def permute(self, path: str, rows: np.ndarray) -> np.ndarray:
        """In llama files each head's q and k rows go from halves (0..d/2, d/2..d) to interleaved pairs, as llama.cpp does."""
        heads = {"q_proj": self.shape.heads, "k_proj": self.shape.kv_heads}.get(path.split(".")[-2])
        if self.shape.arch != "llama" or heads is None:
            return rows
        d = self.shape.head_dim
        return np.ascontiguousarray(rows.reshape(heads, 2, d // 2, -1).swapaxes(1, 2).reshape(rows.shape))

    def write_metadata(self, out: gguf.GGUFWriter) -> None:
        s = self.shape
        if self.alignment != 32:
            out.add_custom_alignment(self.alignment)
        out.add_name(self.name)
        out.add_file_type(self.file_type)
        out.add_quantization_version(2)
        out.add_context_length(512)
        out.add_embedding_length(s.hidden)
        out.add_block_count(s.layers)
        out.add_feed_forward_length(s.ffn)
        out.add_head_count(s.heads)
        out.add_head_count_kv(s.kv_heads)
        out.add_layer_norm_rms_eps(s.eps)
        out.add_rope_freq_base(s.theta)
        if s.arch == "llama":
            out.add_rope_dimension_count(s.head_dim)
        if not self.tokens:
            out.add_vocab_size(s.vocab)
            return
        specials = len(tokenizer.SPECIALS)
        normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
        out.add_tokenizer_model("gpt2")
        out.add_tokenizer_pre("qwen2")
        out.add_token_list(tokenizer.tokens())
        out.add_token_types([normal] * (tokenizer.SIZE - specials) + [control] * specials)
        out.add_token_merges([" ".join(pair) for pair in tokenizer.learn_merges()])
        out.add_eos_token_id(tokenizer.SIZE - 1)
        out.add_pad_token_id(tokenizer.SIZE - specials)
        out.add_add_bos_token(False)


def gguf_name(path: str) -> str:
    """'model.layers.0.mlp.up_proj.weight' to 'blk.0.ffn_up.weight'."""
    stem, suffix = path.rsplit(".", 1)
    if not stem.startswith("model.layers."):
        return f"{GGUF_NAMES[stem]}.{suffix}"
    _, _, i, rest = stem.split(".", 3)
    return f"blk.{i}.{GGUF_NAMES[rest]}.{suffix}"


def half_precision_rest(name: str, shape: Shape) -> tuple[dict[str, torch.Tensor], dict[str, np.ndarray]]:
    """All but the seven linears' weights: float16 tensors for the file, and the float32 values they mean."""
    rest = {k: w.astype(np.float16) for k, w in random_weights(name, shape, linears=False).items()}
    return {k: torch.from_numpy(w) for k, w in rest.items()}, {k: w.astype(np.float32) for k, w in rest.items()}


def write_json(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")


def write_safetensors(folder: Path, tensors: dict[str, torch.Tensor], shards: int = 1) -> None:
    """model.safetensors, or `shards` files of about equal tensor counts with their index."""
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    names, weight_map = list(tensors), {}
    for i, part in enumerate(np.array_split(np.array(names), shards)):
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        save_file({str(k): tensors[k] for k in part}, folder / file, metadata={"format": "pt"})
        weight_map |= {str(k): file for k in part}
    total = sum(t.nbytes for t in tensors.values())
    write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map})


GOLDENS: tuple[Golden, ...] = (
    Plain(
        "qwen2-f32",
        replace(QWEN, layers=3, vocab=307),
        (R4, RSLORA, ALL_LINEAR, LAYER_1, BARE),
        gradients=("r4", "all"),
        tokens=True,
    ),
    Plain("qwen2-bf16", replace(QWEN, ffn=96, vocab=320, tied=False), dtype="bfloat16", shards=2, tokens=True),
    Plain("qwen2-f16", SMALL, dtype="float16"),
    Plain("llama-f32", replace(LLAMA, layers=1), (R4, RSLORA), gradients=("r4", "all"), modern=True),
    Plain(
        "llama-hd64",
        Shape("llama", hidden=128, layers=1, heads=2, kv_heads=1, head_dim=64, ffn=96, vocab=67, theta=1e4, eps=1e-5),
        dtype="bfloat16",
    ),
    # q is wider than the hidden state, as in models whose head_dim is not hidden / heads
    Plain("llama-wide-heads", Shape("llama", layers=1, heads=4, head_dim=32, ffn=96, vocab=67, theta=1e4), dtype="float16"),
    Gptq("gptq-v1-sym", QWEN, (R4, BARE), zero_biases=True),
    Gptq("gptq-v1-asym", replace(QWEN, layers=1), zeros=(1, 16), separate_config=True),
    Gptq("gptq-v2-asym", replace(QWEN, layers=1), version=2, zeros=(0, 15)),
    Gptq("gptq-act-order", QWEN, (R4,), gradients=("r4",), zeros=(1, 16), act_order=True),
    Gptq("gptq-one-group", replace(LLAMA, ffn=160), group=-1),
    Gptq(
        "gptq-short-group",
        Shape("qwen2", hidden=96, layers=1, heads=3, kv_heads=1, head_dim=32, ffn=160),
        group=64,
        zeros=(1, 16),
    ),
    Awq("awq-gemm", QWEN, (R4,), gradients=("r4",)),
    Gguf("gguf-f32", SMALL, kind="F32"),
    Gguf("gguf-f16", SMALL, kind="F16", alignment=64, file_type=gguf.LlamaFileType.MOSTLY_F16),
    Gguf("gguf-bf16", SMALL, kind="BF16", file_type=gguf.LlamaFileType.MOSTLY_BF16),
    Gguf("gguf-q4_0", QWEN, (R4,), gradients=("r4",), kind="Q4_0", file_type=gguf.LlamaFileType.MOSTLY_Q4_0),
    Gguf("gguf-q4_1", replace(QWEN, layers=1), kind="Q4_1", file_type=gguf.LlamaFileType.MOSTLY_Q4_1),
    Gguf(
        "gguf-q8_0",
        replace(QWEN, layers=1, vocab=tokenizer.SIZE),
        kind="Q8_0",
        tokens=True,
        file_type=gguf.LlamaFileType.MOSTLY_Q8_0,
    ),
    Gguf("gguf-q4_k", WIDE, kind="Q4_K", file_type=gguf.LlamaFileType.MOSTLY_Q4_K_S),
    Gguf("gguf-q6_k", WIDE, kind="Q6_K", file_type=gguf.LlamaFileType.MOSTLY_Q6_K),
    Gguf(
        "gguf-mixed",
        replace(WIDE, tied=False),
        kind="Q4_K",
        kinds=(("token_embd", "Q8_0"), ("output", "Q6_K"), ("attn_v", "Q6_K"), ("ffn_down", "Q6_K")),
        file_type=gguf.LlamaFileType.MOSTLY_Q4_K_M,
    ),
    Gguf("gguf-llama", replace(LLAMA, layers=1, ffn=96), kind="Q8_0", file_type=gguf.LlamaFileType.MOSTLY_Q8_0),
)


def write_golden(golden: Golden, folder: Path) -> None:
    """One folder: checkpoint, expected values, adapters with theirs, gradients."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    shape, weights = golden.shape, golden.write_model(folder)
    usable = min(shape.vocab, tokenizer.SIZE)  # rows beyond the tokenizer's are padding that no text reaches
    ids = reference.sequences("forward", usable, LENGTHS)
    reference.save(folder / "expected.safetensors", reference.expected(reference.build(shape, weights).double(), ids))

    for adapter in golden.adapters:
        base = reference.build(shape, weights, bare=adapter.bare)
        model = reference.attach(golden.name, adapter, base, folder / "adapters" / adapter.name).double()
        values = reference.expected(model, ids, every_layer=False)
        reference.save(folder / f"expected_{adapter.name}.safetensors", values)
        if adapter.name in golden.gradients:
            reference.save(folder / f"grads_{adapter.name}.safetensors", reference.gradients(model, usable, lr=1e-3))
    if "all" in golden.gradients:
        model = reference.build(shape, weights).double()
        reference.save(folder / "grads_all.safetensors", reference.gradients(model, usable, lr=1e-4, keep_row=8))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help="folders to write (default: all)")
    parser.add_argument("--check", action="store_true", help="judge the files that are there instead of writing")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="where the folders are (default: here)")
    args = parser.parse_args()
    torch.set_num_threads(1)  # one order of summation on every machine
    chosen = [g for g in GOLDENS if not args.names or g.name in args.names]
    if unknown := set(args.names) - {g.name for g in GOLDENS}:
        parser.error(f"no such golden: {', '.join(sorted(unknown))}")
    if args.check:
        import check

        return check.run(args.out, [g.name for g in chosen])
    reference.use_float64()
    for golden in chosen:
        write_golden(golden, args.out / golden.name)
        print(golden.name, sum(f.stat().st_size for f in (args.out / golden.name).rglob("*") if f.is_file()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
