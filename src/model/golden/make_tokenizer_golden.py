"""Token ids by transformers and the Rust `tokenizers`, for src/model/tokenizer*.test.ts to be compared with.

usage: make_tokenizer_golden.py OUT_DIR [SMOLLM2.gguf [EEDI_DIR]]     (OUT_DIR is test/golden/tokenizer)
needs: transformers 5, tokenizers, gguf; for EEDI_DIR pandas

Writes qwen2_style.json (a tokenizer.json trained here on the text below) and golden.json: texts, and their ids by that
tokenizer, by transformers' reading of small GGUF files written here (one vocabulary under every `pre`, and a
SentencePiece one), and by SmolLM2's tokenizer. Of Eedi's texts it keeps a SHA-256 over all ids, nothing else.
Without the later arguments what golden.json says of SmolLM2 and Eedi is kept as it was.
"""

import hashlib
import json
import os
import struct
import sys
import tempfile

import gguf
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer

# Written for this project. Enough for merges over words, spaces, LaTeX, digits and a few scripts.
CORPUS = r"""
The pupil adds the numerators and adds the denominators when adding two fractions.
The pupil thinks that multiplying always makes a number bigger, and that dividing always makes it smaller.
When the pupil rounds 4.96 to one decimal place, the answer is given as 5 instead of 5.0.
A negative number times a negative number gives a negative answer, the pupil believes.
The angles in a triangle add up to 180 degrees; the pupil says that they add up to 360 degrees.
To find the area of a triangle the pupil forgets to halve the base times the height.
Simplify \( \frac{12}{18} \) and write \( 3x + 2 = 14 \) as \( x = 4 \). What is \( \sqrt{81} \)?
\[ y = mx + c \]   The gradient is \( \frac{3}{4} \), the intercept is \( -2 \).
\begin{tabular}{|c|c|} x & y \\ 1 & 3 \\ 2 & 5 \\ \end{tabular}
Ratio 3:5, percentage 45 %, decimal 0.45, fraction 9/20, power 2^{10} = 1024, money £3.50.
It's the teacher's question; they'll see what we've done, I'd say, and you're right that it isn't so.
for i in range(10):
    print(i * 2)
	tabbed   and   spaced    out
Über die Brüche: Zähler und Nenner. Les élèves réfléchissent à la réponse. ¿Cuál es la raíz?
Ученик складывает числители. 学生把分子相加，把分母也相加。分数の足し算。 अंश और हर जोड़ता है।
""" * 3

TEXTS = [
    'A plain sentence about fractions.',
    '',
    ' ',
    '\n',
    ' leading space',
    'trailing space ',
    'two  spaces, three   spaces,  2 after two,   30 after three',
    '    four before',
    'tab\tand\t\ttwo tabs\n\n\nthree newlines\r\nCRLF\r\n \n mixed \n\t x',
    'space before newline \nand after\n next  \n\n  9',
    "it's IT'S I'll I'LL we've they'RE you'd isn't 'S 'tis rock 'n' roll it'\u017fx",
    '0 1 12 123 1234 12345 1,234.56 -7 +8 1e-9 50% 3:4 2^10 x2 2x a1b2c3',
    'half ½, squared ², third ⅓, Roman Ⅳ ⅻ, Arabic-Indic ٣٤٥, Devanagari १२३, fullwidth ４２, circled ①②',
    r'\( \frac{3}{4} + \frac{1}{2} = \frac{5}{4} \) and \[ \sqrt{2x+1} \leq 7 \]',
    r'\begin{array}{l} a & b \\ 12 & 345 \end{array} $x_{1}^{2}$ $$\sum_{i=1}^{n} i$$',
    'x² + y² ≠ z³; 3 × 4 ÷ 2 ≈ 6 ± 1 → ∞ ∑∫√π θ° ≤ ≥',
    'emoji 😀 🎉🎉 👩‍👩‍👧‍👦 family, 👍🏽 skin, 🇩🇪 flag, ❤️ heart, 1️⃣ keycap',
    'composed é ö ñ Å, decomposed e\u0301 o\u0308 n\u0303 A\u030a, stacked a\u0323\u0302\u0301, Å (Angstrom) \u212b, \u1100\u1161\u11a8',
    'ﬁ ligature, ㎏ ㎝², ｆｕｌｌｗｉｄｔｈ, ϓ \u1e9b\u0323',
    '学生把分子相加，把分母也相加。12 和 34。',
    '分数の足し算はむずかしい。カタカナ、ひらがな',
    '한국어 문장입니다. 분수를 더하세요.',
    'Ученик складывает 3/4 и 1/2. Ελληνικά: λάθος. עברית: שבר. العربية: كسر ١٢',
    'अंश और हर जोड़ता है। ไทย: เศษส่วน',
    'zero\u200bwidth, no-break\u00a0space, narrow\u202fspace, ideographic\u3000space, BOM\ufeffinside, next\u0085line, line\u2028sep, \u180evowel',
    '\ufeffBOM first',
    'control \x00\x01\x07\x1b\x7f characters\x0b\x0c',
    '<|im_start|>user\nIs 3/4 more than 2/3?<|im_end|>\n<|im_start|>assistant\n',
    'look-alikes: <|im_end <|im_end|> <|IM_END|> <im_end> <|im_end|><|im_end|>x<|endoftext|> 7 |> <| <||>',
    '<s>not a start</s> <unk> <0x0A> <0x41> <pad> [INST] hi [/INST] <think>4</think>',
    '▁▁ lower one eighth block ▁ x▁y',
    'Ġ Ċ ĠĠ bytes spelt as letters Ã©',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    'supercalifragilisticexpialidocious pneumonoultramicroscopicsilicovolcanoconiosis',
    'CamelCaseWords snake_case_words kebab-case-words UPPERCASE lowercase MiXeD',
    '!!! ??? ... --- === *** ((())) [[[]]] {{{}}} ;;; ::: """ \'\'\' ``` ~~~ @@@ ### $$$ %%% ^^^ &&&',
    'https://example.org/a?b=c&d=1#e someone@example.org C:\\path\\file.txt ../x/y.z',
    '<Question> What is \\( 0.3 \\times 0.2 \\)? <Correct Answer> 0.06 <Incorrect Answer> 0.6 <Construct> Multiply decimals',
    '-' * 70 + ' ' * 40 + '1' + ' ' * 33 + '\n' * 17 + 'end',
    '\U00010348 gothic, \U0001d54f double-struck, \U00020000 rare Han, \U000e0041 tag, \uf8ff private, \ufffd replacement',
]

QWEN2_SPLIT = r"""(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""
CONTROL = ['<|endoftext|>', '<|im_start|>', '<|im_end|>']
PRES = ['default', 'smollm', 'qwen2', 'llama-bpe']


def byte_level(split, size, added):
    """A byte-level BPE, trained on CORPUS."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(
        CORPUS.splitlines(keepends=True),
        trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, special_tokens=added, show_progress=False),
    )
    return tokenizer


def qwen2_style(path):
    """As Qwen2's tokenizer.json is built: NFC, its Split, ByteLevel, special tokens after the vocabulary."""
    tokenizer = byte_level(
        pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(QWEN2_SPLIT), 'isolated'),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        ),
        1200,
        [],
    )
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_special_tokens(CONTROL)
    description = json.loads(tokenizer.to_str())
    with open(path, 'w') as file:
        json.dump(description, file, ensure_ascii=False, separators=(',', ':'))
        file.write('\n')
    return Tokenizer.from_file(path)


def write_gguf(path, metadata):
    """A GGUF file of metadata alone, for transformers to read its tokenizer."""
    writer = gguf.GGUFWriter(path, 'llama')
    for add, value in [
        (writer.add_block_count, 1),
        (writer.add_context_length, 512),
        (writer.add_embedding_length, 8),
        (writer.add_feed_forward_length, 8),
        (writer.add_head_count, 1),
        (writer.add_head_count_kv, 1),
        (writer.add_layer_norm_rms_eps, 1e-5),
        (writer.add_rope_freq_base, 1e4),
        (writer.add_rope_dimension_count, 8),
        (writer.add_vocab_size, len(metadata['tokenizer.ggml.tokens'])),
    ]:
        add(value)
    for key, value in metadata.items():
        if isinstance(value, str):
            writer.add_string(key, value)
        elif isinstance(value, int):
            writer.add_uint32(key, value)
        else:
            writer.add_array(key, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def by_transformers(metadata):
    with tempfile.TemporaryDirectory() as folder:
        write_gguf(os.path.join(folder, 'x.gguf'), metadata)
        return AutoTokenizer.from_pretrained(folder, gguf_file='x.gguf')


def ids_of(tokenizer, texts=TEXTS):
    return [tokenizer(text, add_special_tokens=False).input_ids for text in texts]


def byte_level_metadata():
    """Some tokens are out of the ordinary: user-defined, without merges, spelt plainly and not in bytes."""
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), 700, CONTROL)
    vocab = tokenizer.get_vocab()
    tokens = sorted(vocab, key=vocab.get) + ['<think>', '</think>', 'ZÃ¤hler', '分数']
    model = json.loads(tokenizer.to_str())['model']
    types = [3 if t in CONTROL else 1 for t in tokens]
    types[-4:] = [4, 4, 1, 1]
    return {
        'tokenizer.ggml.model': 'gpt2',
        'tokenizer.ggml.tokens': tokens,
        'tokenizer.ggml.token_type': types,
        'tokenizer.ggml.merges': [' '.join(merge) for merge in model['merges']],
        'tokenizer.ggml.bos_token_id': 1,
        'tokenizer.ggml.eos_token_id': 2,
        'tokenizer.ggml.unknown_token_id': 0,
        'tokenizer.ggml.padding_token_id': 2,
    }


def sentencepiece_metadata():
    """Scores instead of merges, as SentencePiece writes them; several tokens share a score."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.train_from_iterator(CORPUS.splitlines(), trainers.BpeTrainer(vocab_size=700, show_progress=False))
    vocab = tokenizer.get_vocab()
    pieces = sorted(vocab, key=lambda t: (len(t) == 1, vocab[t])) + ['▁▁', '▁▁▁▁', '▁▁▁▁▁▁▁▁']
    pieces = [p for p in pieces if p not in '學']
    tokens = ['<unk>', '<s>', '</s>'] + [f'<0x{b:02X}>' for b in range(256)] + pieces + ['[INST]', '[/INST]']
    types = [2, 3, 3] + [6] * 256 + [1] * len(pieces) + [3, 4]
    scores = [0.0] * 259 + [-float(i // 2) for i in range(len(pieces))] + [0.0, 0.0]
    return {
        'tokenizer.ggml.model': 'llama',
        'tokenizer.ggml.pre': 'default',
        'tokenizer.ggml.tokens': tokens,
        'tokenizer.ggml.token_type': types,
        'tokenizer.ggml.scores': scores,
        'tokenizer.ggml.bos_token_id': 1,
        'tokenizer.ggml.eos_token_id': 2,
        'tokenizer.ggml.unknown_token_id': 0,
    }


def hash_ids(all_ids):
    """SHA-256 over, text after text, the number of ids and the ids, as little-endian u32."""
    digest = hashlib.sha256()
    for ids in all_ids:
        digest.update(struct.pack(f'<{len(ids) + 1}I', len(ids), *ids))
    return digest.hexdigest()


def eedi_texts(folder):
    """Query texts of pipeline.md without and with the rationale, in pivot order, and all names by id."""
    import pandas as pd

    read = lambda name: pd.read_csv(f'{folder}/{name}.csv', dtype=str, keep_default_na=False)
    train, rationales = read('train'), read('rationales')
    names = read('misconception_mapping')
    names = [n for _, n in sorted(zip(names.MisconceptionId.astype(int), names.MisconceptionName))]
    why = {(r.QuestionId, r.Answer): r.Rationale for r in rationales.itertuples()}
    task = (
        'Given a math problem statement and an incorrect answer as a query, '
        'retrieve relevant passages that identify and explain the nature of the error.'
    )
    plain, reasoned = [], []
    for letter in 'ABCD':
        for row in train.to_dict('records'):
            if row[f'Misconception{letter}Id'] == '':
                continue
            correct, wrong = row[f'Answer{row["CorrectAnswer"]}Text'], row[f'Answer{letter}Text']
            plain.append(
                f'Instruct: {task}\nQuery:  <Question> {row["QuestionText"]} <Correct Answer> {correct} '
                f'<Incorrect Answer> {wrong} <Construct> {row["ConstructName"]} <Subject> {row["SubjectName"]}'
            )
            reasoned.append(f'{plain[-1]} <LLMOutput> {why[(row["QuestionId"], letter)]}')
    return {'queries': plain, 'queriesWithRationale': reasoned, 'names': names}


def main(out, smollm2=None, eedi=None):
    path = os.path.join(out, 'golden.json')
    before = json.load(open(path)) if os.path.exists(path) else {}
    qwen2 = qwen2_style(os.path.join(out, 'qwen2_style.json'))
    bytes_metadata, pieces_metadata = byte_level_metadata(), sentencepiece_metadata()
    golden = {
        'texts': TEXTS,
        'qwen2Style': [qwen2.encode(text, add_special_tokens=False).ids for text in TEXTS],
        'byteLevel': {
            'metadata': bytes_metadata,
            'ids': {pre: ids_of(by_transformers({**bytes_metadata, 'tokenizer.ggml.pre': pre})) for pre in PRES},
        },
        'sentencePiece': {'metadata': pieces_metadata, 'ids': ids_of(by_transformers(pieces_metadata))},
    }
    golden['sentencePiece']['decoded'] = [
        by_transformers(pieces_metadata).decode(ids) for ids in golden['sentencePiece']['ids']
    ]
    if smollm2:
        tokenizer = AutoTokenizer.from_pretrained(os.path.dirname(smollm2), gguf_file=os.path.basename(smollm2))
        golden['smollm2'] = ids_of(tokenizer)
        if eedi:
            golden['eedi'] = {
                name: {'texts': len(texts), 'tokens': sum(map(len, ids)), 'sha256': hash_ids(ids)}
                for name, texts in eedi_texts(eedi).items()
                for ids in [ids_of(tokenizer, texts)]
            }
    for key in ('smollm2', 'eedi'):
        if key not in golden and key in before:
            golden[key] = before[key]
    # One line a value keeps a change readable.
    with open(path, 'w') as file:
        lines = [f'{json.dumps(k)}:{json.dumps(v, ensure_ascii=True, separators=(",", ":"))}' for k, v in golden.items()]
        file.write('{\n' + ',\n'.join(lines) + '\n}\n')


if __name__ == '__main__':
    main(*sys.argv[1:])
