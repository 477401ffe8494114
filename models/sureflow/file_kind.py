"""Recognises files of the wrong kind by their first bytes, and says what to do about them."""

from __future__ import annotations

import json
from pathlib import Path

FIRST_BYTES = 4096
LONGEST_HEADER = 100 << 20
"""Bytes; readers of safetensors take no more."""

PICKLE = (
    "a pickle as torch.save writes it, which may hold code and is never read; load it where you "
    "trust it, and save its state by safetensors.torch.save_file"
)
SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"version https://git-lfs", "a Git LFS pointer and not the file itself; run `git lfs pull`"),
    (b"\x1f\x8b", "compressed by gzip; decompress it"),
    (b"BZh", "compressed by bzip2; decompress it"),
    (b"\xfd7zXZ", "compressed by xz; decompress it"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd; decompress it"),
    *((bytes([0x80, protocol]), PICKLE) for protocol in range(2, 6)),
    *((first, PICKLE) for first in (b"(dp", b"(lp", b"}q\x00", b"]q\x00", b"ccollections\n")),
    (b"\x93NUMPY", "a NumPy array; save it by safetensors.numpy.save_file"),
    (b"\x89HDF", "an HDF5 file; save its arrays by safetensors.numpy.save_file"),
    (b"GGUF", "a GGUF file; save its tensors by safetensors.torch.save_file"),
    (b"PK\x03\x04", "a zip archive; unpack it"),
    (b"Rar!\x1a\x07", "a RAR archive; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it"),
    (b"# xet version", "a pointer to a file and not the file itself; download that"),
    (b"PAR1", "a Parquet file; save its columns by safetensors.numpy.save_file"),
    (b"SQLite format 3\x00", "a database of SQLite; name the file of the weights"),
    (b"\x89PNG", "a PNG picture; name the file of the weights"),
    (b"\xff\xd8\xff", "a JPEG picture; name the file of the weights"),
    (b"%PDF", "a PDF document; name the file of the weights"),
    (b"\x7fELF", "a program; name the file of the weights"),
)
"""First bytes of files, and the kind that they indicate; the first match counts."""

TAR, TAR_AT = b"ustar", 257
"""What a tar archive has behind the name and the numbers of its first file, and where."""

MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<!--")
SHARDS = (
    "an index of shards, whose tensors are in the files that it names; read those by "
    "safetensors.torch.load_file, and save all of them in one by save_file"
)


def kind_of_file(path: Path) -> str | None:
    """The kind of a file by its first bytes, and what to do about it; ``None`` if unknown.

    Raises:
        OSError: It cannot be read.
    """
    if path.is_dir():
        return "a folder; name a file in it"
    first = _first(path)
    if not any(first):
        return f"{'full of zeros' if first else 'empty'}; download or copy it again"
    if first[8:9] == b"{" and (header := int.from_bytes(first[:8], "little")) <= LONGEST_HEADER:
        return _cut_short(path, header)
    if first.startswith(b"PK\x03\x04") and b"data.pkl" in first:
        return PICKLE
    if first.lstrip().lower().startswith(MARKUP):
        return "a page of HTML or XML, as failed downloads leave it; download the file itself"
    if first.startswith(TAR, TAR_AT):
        return "a tar archive; unpack it"
    return next((kind for start, kind in SIGNATURES if first.startswith(start)), None)


def json_text(written: bytes) -> str:
    """The text of a JSON file; some editors write a byte-order mark, and some shells UTF-16.

    Raises:
        ValueError: It is text of no encoding that JSON may have; says which byte is wrong.
    """
    encoding = json.detect_encoding(written)
    try:
        return written.decode(encoding)
    except UnicodeDecodeError as error:
        where = f"byte {error.start} is no {encoding.removesuffix('-sig').upper()}"
        raise ValueError(f"{where}; save it as UTF-8") from error


def no_safetensors(path: Path, error: Exception) -> str:
    """Why a file is not a safetensors file, after a reader has failed on it with an error."""
    try:
        kind = kind_of_file(path) or _text(_first(path))
    except OSError as trouble:
        return trouble.strerror or str(trouble)
    return f"is {kind}" if kind else str(error)


def _first(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(FIRST_BYTES)


def _cut_short(path: Path, header: int) -> str | None:
    """Where a safetensors file ends too early; ``None`` if it is complete."""
    whole, size = 8 + header, path.stat().st_size
    if whole <= size:
        with path.open("rb") as file:
            whole += _data_bytes(file.read(whole)[8:])
    if size >= whole:
        return None
    return f"cut short at byte {size} of {whole}; download or copy it again"


def _data_bytes(header: bytes) -> int:
    """Bytes of the tensors that a header describes; 0 if the header is not valid."""
    try:
        entries = json.loads(header)
        entries.pop("__metadata__", None)
        return max(int(entry["data_offsets"][1]) for entry in entries.values())
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError):
        return 0


def _text(first: bytes) -> str | None:
    text = first.decode("utf-8", "ignore").strip()
    if '"weight_map"' in text:
        return SHARDS
    if len(text) > 0.9 * len(first.strip()) and "".join(text.split()).isprintable():
        return f"text, beginning with {text[:40]!r}"
    return f"{len(first)} bytes long; download or copy it again" if len(first) < 9 else None
