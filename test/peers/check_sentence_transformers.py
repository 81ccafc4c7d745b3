"""Whether SentenceTransformer gives the vectors of `lacuna embed` for what `lacuna export` wrote.

    pip install sentence-transformers
    python test/peers/check_sentence_transformers.py [ADAPTER_FOR_SMOLLM2]

Exports the golden models that have a tokenizer, and SmolLM2-135M where `lacuna pull` has brought it (with the adapter,
where one is given); embeds the same texts with both; prints the smallest cosine. Exits with 1 where one is below .999.

Not compared: accents written as marks of their own (e + U+0301) with a Qwen2 GGUF file. transformers composes them for
every Qwen2 model, whatever the folder's tokenizer.json says; lacuna reads a GGUF file as transformers' own GGUF reader,
which does not.

Last run (transformers 5.23.0, sentence-transformers 6.2.0, lavapipe, 2026-11-23), smallest cosine in f16, f32:
qwen2-f32 .999995, 1.000000; with r4 .999991, 1.000000; qwen2-bf16 .999999, 1.000000; SmolLM2 .999996, 1.000000; with
the adapter .999990, 1.000000; gguf-q8_0 .999999, .999999.
"""

import json
import os
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "test/golden"
LACUNA = ["npx", "--no-install", "deno", "run", "-A", "--no-check", "src/cli/main.ts"]
BODY = " <Question> What is 1/2 + 1/3? <Correct Answer> 5/6 <Incorrect Answer> 2/5"
TEXTS = [
    "Adds the denominators when adding fractions",
    "x",
    "café cafe\u0301 ±√2 ≤ π 三角形 😀",
    "two  spaces\n\n\tand a tab",
    "<|im_start|>user\nthe mean<|im_end|>",
    "the larger the denominator the larger the fraction " * 60,
]


def lacuna(*args):
    done = subprocess.run([*LACUNA, *map(str, args)], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout


def compare(label, model, adapter, dtype, folder):
    choice = ["--model", model, *(["--adapter", adapter] if adapter else [])]
    lacuna("export", "--sentence-transformers", *choice, "--dtype", dtype, "--out", folder / "st")
    st = SentenceTransformer(str(folder / "st"), device="cpu")
    prompt = st.prompts["query"]
    marks = str(model).endswith(".gguf")
    plain = [unicodedata.normalize("NFC", text) if marks else text for text in TEXTS]
    texts = [*plain, prompt + BODY]
    (folder / "texts.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in texts))
    lacuna("embed", *choice, "--input", folder / "texts.jsonl", "--out", folder / "ours.npy")
    ours = np.load(folder / "ours.npy")
    theirs = np.concatenate([st.encode(plain), st.encode([BODY], prompt_name="query")]).astype(np.float32)
    cosines = (ours * theirs).sum(axis=1) / np.linalg.norm(theirs, axis=1)
    unrelated = float((ours[0] * theirs[1:]).sum(axis=1).max())
    print(f"{label}, {dtype}: smallest cosine {cosines.min():.6f} of {len(texts)} texts (between different texts up to {unrelated:.3f})")
    return cosines.min() > 0.999


def main():
    if sys.argv[1:] in (["-h"], ["--help"]):
        sys.exit(__doc__)
    smollm2 = Path(os.environ.get("LACUNA_CACHE", Path.home() / ".cache/lacuna")) / "models/smollm2-135m"
    cases = [
        ("qwen2-f32", GOLDEN / "qwen2-f32", None),
        ("qwen2-f32 + r4", GOLDEN / "qwen2-f32", GOLDEN / "qwen2-f32/adapters/r4"),
        ("qwen2-bf16", GOLDEN / "qwen2-bf16", None),
        ("gguf-q8_0", GOLDEN / "gguf-q8_0/model.gguf", None),
    ]
    if smollm2.exists():
        cases.append(("SmolLM2-135M Q4_1", "smollm2-135m", None))
        if len(sys.argv) > 1:
            cases.append(("SmolLM2-135M Q4_1 + adapter", "smollm2-135m", sys.argv[1]))
    good = True
    for case in cases:
        for dtype in ("f16", "f32"):
            with tempfile.TemporaryDirectory() as folder:
                good &= compare(*case, dtype, Path(folder))
    sys.exit(0 if good else 1)


main()
