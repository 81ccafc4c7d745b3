"""The peer of `lacuna rank` and `lacuna embed`: the same texts embedded by transformers on the same GPU.

usage: peer_embed.py MODEL.gguf EEDI_DIR

bf16, SDPA, batches of 128 sorted by length, last token, L2; fold 0's queries without rationale and all 2,587 names,
budget 288. Needs the `gguf` package. Prints tokens a second after one warm pass, and MAP@25.
"""

import json
import os
import sys
import time

import numpy as np
import pandas as pd
import torch
from transformers import AutoModel, AutoTokenizer

TASK = (
    "Given a math problem statement and an incorrect answer as a query, "
    "retrieve relevant passages that identify and explain the nature of the error."
)


def texts(folder):
    """Fold 0's queries (all A, then B, C, D) with their labels, and the misconceptions by id."""
    train = pd.read_csv(f"{folder}/train.csv")
    fold = pd.read_csv(f"{folder}/folds.csv").set_index("QuestionId").fold
    names = pd.read_csv(f"{folder}/misconception_mapping.csv").sort_values("MisconceptionId").MisconceptionName
    queries, labels = [], []
    for letter in "ABCD":
        for row in train.itertuples():
            label = getattr(row, f"Misconception{letter}Id")
            if pd.isna(label) or fold[row.QuestionId] != 0:
                continue
            correct = getattr(row, f"Answer{row.CorrectAnswer}Text")
            wrong = getattr(row, f"Answer{letter}Text")
            queries.append(
                f"Instruct: {TASK}\nQuery:  <Question> {row.QuestionText} <Correct Answer> {correct} "
                f"<Incorrect Answer> {wrong} <Construct> {row.ConstructName} <Subject> {row.SubjectName}"
            )
            labels.append(int(label))
    return queries, np.array(labels), names.tolist()


@torch.no_grad()
def embed(model, ids, batch=128):
    order = np.argsort([len(x) for x in ids])
    out = np.zeros((len(ids), model.config.hidden_size), np.float32)
    for b in range(0, len(ids), batch):
        rows = order[b : b + batch]
        length = max(len(ids[i]) for i in rows)
        tokens = torch.zeros((len(rows), length), dtype=torch.long)
        mask = torch.zeros((len(rows), length), dtype=torch.long)
        for j, i in enumerate(rows):
            tokens[j, : len(ids[i])] = torch.tensor(ids[i])
            mask[j, : len(ids[i])] = 1
        hidden = model(input_ids=tokens.cuda(), attention_mask=mask.cuda(), use_cache=False).last_hidden_state
        last = hidden[torch.arange(len(rows)), mask.sum(1) - 1].float()
        out[rows] = torch.nn.functional.normalize(last, dim=-1).cpu().numpy()
    return out


path, folder = sys.argv[1:3]
directory, name = os.path.split(os.path.abspath(path))
tokenizer = AutoTokenizer.from_pretrained(directory, gguf_file=name)
began = time.time()
model = AutoModel.from_pretrained(directory, gguf_file=name, dtype=torch.bfloat16, attn_implementation="sdpa").cuda().eval()
loaded = time.time() - began
queries, labels, names = texts(folder)
ids = [tokenizer(t, truncation=True, max_length=288)["input_ids"] for t in queries + names]
total = sum(map(len, ids))
seconds = []
for _ in range(4):
    torch.cuda.synchronize()
    began = time.time()
    vectors = embed(model, ids)
    seconds.append(time.time() - began)
best = np.argsort(-(vectors[: len(queries)] @ vectors[len(queries) :].T), 1, kind="stable")[:, :25]
hit = best == labels[:, None]
score = np.where(hit.any(1), 1 / (hit.argmax(1) + 1), 0).mean()
warm = float(np.median(seconds[1:]))
print(json.dumps({"peer": "transformers bf16 sdpa, batches of 128 by length", "tokens": total, "seconds": round(warm, 3),
                  "tokens/s": round(total / warm), "load s": round(loaded, 2), "map@25": round(float(score), 5)}))
