"""What a small model learns from generated questions, in minutes on one CPU core: for choosing the generator's settings.

    pip install torch tokenizers pandas
    node dist/cli.js new-model --shape pocket --out START       # for its tokenizer.json
    python test/peers/pocket_proxy.py START/tokenizer.json TRAIN HELD_OUT [steps=1600] [rows=0] [scale=20] [seed=0] [end=0]

TRAIN and HELD_OUT are folders of `lacuna generate-sample`. A bi-encoder of .46 million weights (hidden 96, 2 layers, 3 heads, ffn
256; last token, cosine) is trained as exp010 trains pocket: cross-entropy over all names, AdamW, batch 128. It is not pocket:
the instruction, which all queries share, is left out, a tag is one token, and queries are cut at 160. rows=N trains on
the first N labels alone, as often as the steps ask for. end=1 ends every text with a token of its own.
Prints first and within five in %: of all, of those with a construct, of those without.
"""

import json
import random
import sys

import pandas as pd
import torch
import torch.nn as nn
import torch.nn.functional as F
from tokenizers import Tokenizer

HIDDEN, LAYERS, HEADS, FFN, BATCH, LENGTH = 96, 2, 3, 256, 128, 160
TAGS = 5

tokenizer_path, train_path, held_path, *rest = sys.argv[1:]
options = dict(steps=1600, rows=0, scale=20.0, seed=0, end=0, lr=3e-3)
options.update((k, type(options[k])(v)) for k, v in (o.split("=") for o in rest))
torch.set_num_threads(1)
torch.manual_seed(options["seed"])
random.seed(options["seed"])
tokenizer = Tokenizer.from_file(tokenizer_path)
VOCAB = tokenizer.get_vocab_size()
END = [VOCAB + TAGS] if options["end"] else []


def encode(text):
    return tokenizer.encode(text, add_special_tokens=False).ids


def labels(folder):
    """(five texts, misconception id) of every labelled wrong option."""
    for row in pd.read_csv(f"{folder}/train.csv", dtype=str, keep_default_na=False).to_dict("records"):
        for letter in "ABCD":
            label = row[f"Misconception{letter}Id"]
            if label:
                correct = row[f"Answer{row['CorrectAnswer']}Text"]
                wrong = row[f"Answer{letter}Text"]
                yield (row["QuestionText"], correct, wrong, row["ConstructName"], row["SubjectName"]), int(float(label))


def query(texts):
    ids = [token for tag, text in enumerate(texts) if text for token in [VOCAB + tag, *encode(" " + text)]]
    return ids[: LENGTH - len(END)] + END


mapping = pd.read_csv(f"{train_path}/misconception_mapping.csv")
place = {int(id): i for i, id in enumerate(mapping.MisconceptionId)}
names = [encode(name) + END for name in mapping.MisconceptionName]


def padded(texts):
    out = torch.zeros(len(texts), max(map(len, texts)), dtype=torch.long)
    for i, ids in enumerate(texts):
        out[i, : len(ids)] = torch.tensor(ids)
    return out, torch.tensor([len(ids) - 1 for ids in texts])


def rotation(n, d):
    angles = torch.arange(n)[:, None] / 10000 ** (torch.arange(0, d, 2) / d)
    return torch.polar(torch.ones_like(angles), angles)


ROTATION = rotation(512, HIDDEN // HEADS)


def rotated(x):
    pairs = torch.view_as_complex(x.unflatten(-1, (-1, 2)).contiguous())
    return torch.view_as_real(pairs * ROTATION[: x.shape[-2]]).flatten(-2)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.o = nn.Linear(HIDDEN, 3 * HIDDEN, bias=False), nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.gate_up, self.down = nn.Linear(HIDDEN, 2 * FFN, bias=False), nn.Linear(FFN, HIDDEN, bias=False)
        self.before, self.between = nn.RMSNorm(HIDDEN, eps=1e-6), nn.RMSNorm(HIDDEN, eps=1e-6)

    def forward(self, x):
        n, t, _ = x.shape
        q, k, v = self.qkv(self.before(x)).view(n, t, 3, HEADS, -1).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(rotated(q), rotated(k), v, is_causal=True)
        x = x + self.o(y.transpose(1, 2).reshape(n, t, HIDDEN))
        gate, up = self.gate_up(self.between(x)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(VOCAB + TAGS + 1, HIDDEN)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = nn.RMSNorm(HIDDEN, eps=1e-6)
        for p in self.parameters():
            if p.dim() > 1:
                nn.init.normal_(p, 0, 0.02)

    def forward(self, texts):
        ids, last = padded(texts)
        x = self.embed(ids)
        for layer in self.layers:
            x = layer(x)
        return F.normalize(self.norm(x[torch.arange(len(ids)), last]), dim=-1)


model = Model()


@torch.no_grad()
def score(folder):
    rows = sorted(((query(texts), place[label], bool(texts[3])) for texts, label in labels(folder)), key=lambda r: len(r[0]))
    cosines = torch.cat([model([r[0] for r in rows[i : i + 256]]) for i in range(0, len(rows), 256)]) @ model(names).T
    target = torch.tensor([r[1] for r in rows])
    rank = (cosines > cosines.gather(1, target[:, None])).sum(1)
    named = torch.tensor([r[2] for r in rows])
    share = lambda of, k: round(100 * (rank[of] < k).float().mean().item(), 1)
    return {key: [share(of, 1), share(of, 5)] for key, of in dict(all=named | ~named, named=named, nameless=~named).items() if of.any()}


data = [(query(texts), place[label]) for texts, label in labels(train_path)]
data = data[: options["rows"] or None]
groups = [[p for p in model.parameters() if p.dim() > 1], [p for p in model.parameters() if p.dim() < 2]]
optimizer = torch.optim.AdamW([dict(params=groups[0], weight_decay=0.05), dict(params=groups[1], weight_decay=0)], lr=options["lr"])
steps, warmup = options["steps"], max(1, int(0.06 * options["steps"]))
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: min((s + 1) / warmup, (steps - s) / (steps - warmup)))
order, batches, total = [], [], 0.0
for step in range(steps):
    if not batches:
        while len(order) < 16 * BATCH:
            order += random.sample(range(len(data)), len(data))
        # Texts of one length in a batch: less padding.
        taken = sorted((data[i] for i in order[: 16 * BATCH]), key=lambda d: len(d[0]))
        order = order[16 * BATCH :]
        batches = [taken[i : i + BATCH] for i in range(0, len(taken), BATCH)]
        random.shuffle(batches)
    batch = batches.pop()
    cosines = model([ids for ids, _ in batch]) @ model(names).T
    loss = F.cross_entropy(options["scale"] * cosines, torch.tensor([label for _, label in batch]))
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1)
    optimizer.step()
    schedule.step()
    total += loss.item()
    if step % 100 == 99:
        print(f"step {step + 1}/{steps}  loss {total / 100:.3f}", file=sys.stderr, flush=True)
        total = 0.0
print(json.dumps(dict(options=options, labels=len(data), **score(held_path))))
