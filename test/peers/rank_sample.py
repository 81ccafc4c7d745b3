"""How well models rank a sample of Eedi's fold 0, by transformers in float32 on the CPU: what int4 costs, seen by another engine.

usage: python rank_sample.py LAB MODEL... [--questions 60] [--names 250]

LAB holds eedi.py (load, score), which reads Eedi's files with their folds from $EEDI. MODEL is a transformers folder
with its tokenizer or a .gguf file; the first is what the others' vectors are compared with. Questions are drawn without
LLMOutput; names are those that explain them, and others drawn.
"""

import argparse
import os
import sys
import time

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

MAX_LENGTH, BATCH = 288, 16


def opened(cls, path: str, **options):
    if os.path.isdir(path):
        return cls.from_pretrained(path, **options)
    folder, file = os.path.split(path)
    return cls.from_pretrained(folder, gguf_file=file, **options)


@torch.no_grad()
def embed(model, texts: list[list[int]]) -> np.ndarray:
    """Unit vectors of the last tokens; texts of like length share a batch."""
    out = np.zeros((len(texts), model.config.hidden_size), np.float32)
    order = np.argsort([len(t) for t in texts])
    for at in range(0, len(texts), BATCH):
        rows = order[at : at + BATCH]
        longest = max(len(texts[i]) for i in rows)
        ids, mask = torch.zeros((2, len(rows), longest), dtype=torch.long)
        for row, i in enumerate(rows):
            ids[row, : len(texts[i])] = torch.tensor(texts[i])
            mask[row, : len(texts[i])] = 1
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state
        last = hidden[torch.arange(len(rows)), mask.sum(1) - 1]
        out[rows] = torch.nn.functional.normalize(last, dim=-1).numpy()
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lab")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--names", type=int, default=250)
    o = parser.parse_args()
    sys.path.insert(0, o.lab)
    from eedi import load, score

    pairs, names = load()
    held = pairs[pairs.fold == 0].reset_index(drop=True)
    held = held.iloc[np.random.default_rng(1).permutation(len(held))[: o.questions]]
    labels = held.y.to_numpy()
    others = [i for i in np.random.default_rng(2).permutation(len(names)) if i not in set(labels)]
    kept = sorted({*labels, *others[: o.names - len(set(labels))]})
    targets = np.array([kept.index(label) for label in labels])
    tokenizer = opened(AutoTokenizer, o.models[0])
    texts = [*held.text, *(list(names)[i] for i in kept)]
    tokens = [tokenizer(t, truncation=True, max_length=MAX_LENGTH)["input_ids"] for t in texts]
    print(f"{o.questions} questions, {len(kept)} names, {sum(map(len, tokens))} tokens", flush=True)
    first = None
    for path in o.models:
        began = time.time()
        vectors = embed(opened(AutoModel, path, dtype=torch.float32).eval(), tokens)
        first = vectors if first is None else first
        queries, passages = vectors[: o.questions], vectors[o.questions :]
        reciprocal, within = score(queries, passages, targets)
        cosine = (first * vectors).sum(1).mean()
        print(f"{path}: MAP@25 {reciprocal.mean():.4f}, within 25 {within.mean():.4f}, mean cosine to the first {cosine:.4f}, {time.time() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
