"""A byte-level BPE tokenizer of 299 tokens in Qwen2's form: 256 bytes, 40 merges learnt from a few sentences, 3 specials."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from pathlib import Path

import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers, processors

SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
MERGES = 40
SIZE = 256 + MERGES + len(SPECIALS)

SENTENCES = """the pupil adds the numerators and the denominators of the two fractions
believes that the larger the denominator the larger the fraction
thinks that the mean is the middle number of the ordered list
multiplies the length of every side instead of the area of the shape"""

#: Qwen2's word pattern: contractions, words, single digits, punctuation, line ends, spaces.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)

CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

TEXTS = (
    "the fraction",
    "What is 3/4 of 1,200?  It's 900.",
    "  two  spaces\n\n\tand a tab \r\n",
    "\\( \\frac{1}{2} + x^{2} = -7 \\)",
    "caf\u00e9 cafe\u0301 \u00b1\u221a2 \u2264 \u03c0",
    "\u4e09\u89d2\u5f62 \U0001f600 na\u00efve",
    "WE'LL we'll DON'T",
    "<|im_start|>user\nthe mean<|im_end|>",
    "a<|endoftext|>b",
    "x",
)


def byte_alphabet() -> list[str]:
    """GPT-2's 256 stand-in characters by byte: printable Latin-1 stands for itself, the rest from U+0100 on, in order."""
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    hidden = iter(range(0x100, 0x200))
    return [chr(b) if b in shown else chr(next(hidden)) for b in range(256)]


def learn_merges() -> list[tuple[str, str]]:
    """Plain BPE on SENTENCES: merge the most frequent pair, ties to the alphabetically first, MERGES times."""
    words = [list(word.replace(" ", "\u0120")) for word in re.findall(r" ?\w+", SENTENCES)]
    merges = []
    for _ in range(MERGES):
        pairs = Counter(pair for word in words for pair in zip(word, word[1:]))
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        for word in words:
            i = 0
            while i + 1 < len(word):
                if (word[i], word[i + 1]) == best:
                    word[i : i + 2] = ["".join(best)]
                i += 1
    return merges


def tokens() -> list[str]:
    """All tokens by id."""
    return byte_alphabet() + ["".join(pair) for pair in learn_merges()] + list(SPECIALS)


def build() -> tokenizers.Tokenizer:
    """The tokenizer as Qwen2's tokenizer.json has it: NFC, split by pattern, then bytes."""
    vocab = {token: i for i, token in enumerate(tokens()[: SIZE - len(SPECIALS)])}
    tok = tokenizers.Tokenizer(models.BPE(vocab=vocab, merges=learn_merges()))
    tok.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(SPLIT), behavior="isolated")
    tok.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    tok.decoder = decoders.ByteLevel()
    tok.add_special_tokens(list(SPECIALS))
    assert tok.get_vocab_size() == SIZE
    return tok


def write_tokenizer(folder: Path) -> None:
    """tokenizer.json and tokenizer_config.json."""
    build().save(str(folder / "tokenizer.json"))
    settings = {
        "add_prefix_space": False,
        "chat_template": CHAT_TEMPLATE,
        "clean_up_tokenization_spaces": False,
        "eos_token": "<|im_end|>",
        "model_max_length": 512,
        "pad_token": "<|endoftext|>",
        "tokenizer_class": "PreTrainedTokenizerFast",
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def write_expected_tokens(folder: Path, composed_only: bool = False) -> None:
    """expected_tokens.json: texts, and the ids of each.

    `composed_only` leaves out texts that NFC changes: a GGUF file does not say whether to normalise.
    """
    tok, texts = build(), [t for t in TEXTS if not composed_only or unicodedata.is_normalized("NFC", t)]
    rows = [{"text": text, "ids": tok.encode(text, add_special_tokens=False).ids} for text in texts]
    (folder / "expected_tokens.json").write_text(json.dumps(rows, indent=1) + "\n")
