"""What a ``tokenizer.json`` may say: parts whose time and memory the prompt's length bounds.

Regular expressions are taken only if they are known ones, since others may run without end.
"""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from typing import Any

from sureflow.core.subwords import opened

LARGEST = 16 << 20
"""Most bytes of a tokenizer."""

LONGEST_TOKEN, LONGEST_AFFIX, MOST_STEPS = 256, 16, 16
"""Most characters of a token and of an affix; most steps of a sequence."""

CLIP_MARKS = r"<\|startoftext\|>|<\|endoftext\|>|"
CLIP_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
PATTERNS = (r"\s+", r" {2,}", r"\s{2,}", CLIP_WORDS, CLIP_MARKS + CLIP_WORDS)
"""The regular expressions of the tokenizers of CLIP and T5."""

REPLACED = ("", " ", "▁")
"""What may stand in place of something; none is longer than that."""

MODELS = ("BPE", "Unigram", "WordLevel")
PLAIN = ("Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Strip", "StripAccents")
SPLITS = ("ByteLevel", "Metaspace", "Whitespace", "WhitespaceSplit")
ENDS = ("ByteLevel", "RobertaProcessing")

Rule = Callable[[Mapping[str, Any]], bool]


def checked_tokenizer(written: bytes) -> str:
    """A tokenizer with nothing but what makes tokens, as text.

    Truncation, padding and the way back to a text are left out; dropout is refused.

    Raises:
        ValueError: It is too large, no JSON, or has a part that may run without bounds; the message
            begins with the field.
    """
    if len(written) > LARGEST:
        raise ValueError(f"is larger than {LARGEST} bytes, which no tokenizer is")
    try:
        found = json.loads(written)
    except RecursionError as error:
        raise ValueError("is nested too deeply") from error
    if not isinstance(found, Mapping):
        raise ValueError("expected a JSON object")
    _check_model(found.get("model"))
    _check_part("normalizer", found.get("normalizer"), "normalizers", NORMALIZERS)
    _check_part("pre_tokenizer", found.get("pre_tokenizer"), "pretokenizers", PRE_TOKENIZERS)
    _check_part("post_processor", found.get("post_processor"), "processors", PROCESSORS)
    kept = ("version", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "model")
    text = json.dumps({name: found[name] for name in kept if name in found})
    opened(text)
    return text


def check_numbers(written: str, size: int) -> None:
    """Check that an encoder of ``size`` different tokens knows all of a tokenizer's.

    Raises:
        ValueError: It has other tokens besides.
    """
    numbers = opened(written).get_vocab(with_added_tokens=True)
    if not numbers:
        raise ValueError("model.vocab: has no tokens")
    token, largest = max(numbers.items(), key=lambda entry: entry[1])
    if largest >= size:
        raise ValueError(
            f"model.vocab: has the token {token!r:.60} with number {largest}, and the encoder "
            f"knows {size} tokens; they do not belong together"
        )


def _check_model(model: object) -> None:
    """Check the model: its kind, and the lengths of its tokens."""
    kind = model.get("type", "BPE") if isinstance(model, Mapping) else None
    if not isinstance(model, Mapping) or kind not in MODELS:
        raise ValueError(f"model.type: {kind!r:.60} is not read; there are {', '.join(MODELS)}")
    if model.get("dropout"):
        raise ValueError("model.dropout: a prompt would have other tokens each time")
    vocabulary = model.get("vocab")
    if not isinstance(vocabulary, Mapping | list):
        raise ValueError("model.vocab: expected tokens and their numbers, or scores")
    tokens = vocabulary if isinstance(vocabulary, Mapping) else [_first(z) for z in vocabulary]
    if any(len(str(token)) > LONGEST_TOKEN for token in tokens):
        raise ValueError(f"model.vocab: has a token of more than {LONGEST_TOKEN} characters")
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        if len(str(model.get(name) or "")) > LONGEST_AFFIX:
            raise ValueError(f"model.{name}: has more than {LONGEST_AFFIX} characters")


def _first(entry: object) -> object:
    return entry[0] if isinstance(entry, list) and entry else ""


def _check_part(where: str, part: object, several: str, rules: Mapping[str, Rule]) -> None:
    """Check a part or a sequence of parts, by the rules for their types."""
    if part is None:
        return
    kind = part.get("type") if isinstance(part, Mapping) else None
    if isinstance(part, Mapping) and kind == "Sequence":
        steps = part.get(several)
        if not isinstance(steps, list) or len(steps) > MOST_STEPS:
            raise ValueError(f"{where}.{several}: expected at most {MOST_STEPS} steps")
        for number, step in enumerate(steps):
            if isinstance(step, Mapping) and step.get("type") == "Sequence":
                raise ValueError(f"{where}.{several}[{number}]: is a sequence in a sequence")
            _check_part(f"{where}.{several}[{number}]", step, several, rules)
        return
    if not (isinstance(part, Mapping) and isinstance(kind, str) and kind in rules):
        raise ValueError(f"{where}.type: {kind!r:.60} is not read; there are {', '.join(rules)}")
    if not rules[kind](part):
        raise ValueError(
            f"{where}: this {kind} is none of those of CLIP and T5, and others may take time "
            "without end"
        )


def _anything(part: Mapping[str, Any]) -> bool:
    return True


def _known_pattern(part: Mapping[str, Any]) -> bool:
    """Whether what is looked for is a known expression or a short text."""
    pattern = part.get("pattern")
    if not isinstance(pattern, Mapping) or len(pattern) != 1:
        return False
    (kind, text), *_ = pattern.items()
    if kind == "String":
        return isinstance(text, str) and 1 <= len(text) <= LONGEST_AFFIX
    return kind == "Regex" and text in PATTERNS


def _short(part: Mapping[str, Any]) -> bool:
    """Whether a replacement is known, and what it replaces too."""
    return part.get("content") in REPLACED and _known_pattern(part)


def _prepended(part: Mapping[str, Any]) -> bool:
    return part.get("prepend") in REPLACED


def _precompiled(part: Mapping[str, Any]) -> bool:
    """Whether the table of a SentencePiece model replaces characters by short texts alone.

    It is the size of an index in four bytes, the index, and texts that end with a zero each.
    """
    try:
        table = b64decode(part.get("precompiled_charsmap") or "", validate=True)
    except (TypeError, ValueError):
        return False
    texts = table[4 + int.from_bytes(table[:4], "little") :]
    return all(len(text) <= LONGEST_TOKEN for text in texts.split(b"\0"))


def _template(part: Mapping[str, Any]) -> bool:
    """Whether a template has the text once, between a few tokens."""
    single = part.get("single")
    if not isinstance(single, list) or len(single) > LONGEST_AFFIX:
        return False
    tokens = part.get("special_tokens")
    each = tokens.values() if isinstance(tokens, Mapping) else ()
    few = all(isinstance(z, Mapping) and len(z.get("ids") or ()) <= LONGEST_AFFIX for z in each)
    return few and sum(isinstance(z, Mapping) and "Sequence" in z for z in single) == 1


NORMALIZERS: Mapping[str, Rule] = {
    **dict.fromkeys(PLAIN, _anything),
    "Precompiled": _precompiled,
    "Prepend": _prepended,
    "Replace": _short,
}
PRE_TOKENIZERS: Mapping[str, Rule] = {**dict.fromkeys(SPLITS, _anything), "Split": _known_pattern}
PROCESSORS: Mapping[str, Rule] = {
    **dict.fromkeys(ENDS, _anything),
    "TemplateProcessing": _template,
}
