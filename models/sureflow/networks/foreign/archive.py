"""The archive of an exported program, as torch.export.save writes it: what is read of it, and how.

torch itself would unpickle several of its entries, and its zip reader is not Python's. So the
archive is read here, and the parts that are let through are written to another one for torch.
"""

from __future__ import annotations

import io
import json
import re
import struct
from dataclasses import dataclass, field
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile, ZipInfo

LARGEST_JSON = 64 << 20
MOST_ENTRIES = 100_000
END = 22
"""Bytes of the record at the end of an archive without a comment."""

MODEL = "models/model.json"
CONFIGS = {
    "weights": "data/weights/model_weights_config.json",
    "constants": "data/constants/model_constants_config.json",
}
TENSORS = re.compile(r"data/(weights|constants)/((?:weight|tensor)_[0-9]{1,6})")
DROPPED = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/[a-z_]+|\.format_version"
    r"|\.storage_alignment|data/sample_inputs/model\.pt|extra/.*"
)
"""Entries that are not needed: facts on the archive, the example inputs (a pickle), and texts."""

CODE = ("data/aotinductor/", "data/constants/custom_obj_", "data/constants/opaque_obj_")
CODE_ADVICE = "compiled code or pickled objects, which are never read; save it by torch.export.save"
PICKLES = ("data.pkl", "constants.pkl", "code/")
PICKLE_ADVICE = (
    "a file of torch.save or torch.jit.save, which may hold code and is never read; where you "
    "trust it, save the module by torch.export.save, or its state by safetensors.torch.save_file"
)

DAMAGES = (
    BadZipFile,
    EOFError,
    NotImplementedError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
    struct.error,
)
"""Errors of the zip reader."""


@dataclass
class Archive:
    """The parts of an archive.

    Attributes:
        model: The description of the program.
        configs: The tables of its tensors, by folder: ``weights`` and ``constants``.
        tensors: The bytes of its tensors, by folder and file.
    """

    model: dict[str, Any]
    configs: dict[str, Any]
    tensors: dict[str, dict[str, bytes]] = field(
        default_factory=lambda: {"weights": {}, "constants": {}}
    )

    def write(self) -> io.BytesIO:
        """An archive of these parts for torch, without example inputs."""
        written = io.BytesIO()
        with ZipFile(written, "w", ZIP_STORED) as file:
            facts = {"archive_format": "pt2", "archive_version": "0", ".data/version": "6\n"}
            texts = {MODEL: self.model, **{CONFIGS[n]: table for n, table in self.configs.items()}}
            written_texts = {n: json.dumps(table, allow_nan=False) for n, table in texts.items()}
            empty = {"byteorder": "little", "data/sample_inputs/model.pt": ""}
            for name, text in {**facts, **empty, **written_texts}.items():
                file.writestr(f"archive/{name}", text)
            for folder, tensors in self.tensors.items():
                for name, data in tensors.items():
                    file.writestr(f"archive/data/{folder}/{name}", data)
        written.seek(0)
        return written


def read_archive(data: bytes) -> Archive:
    """Read an archive from its bytes. Nothing in it is unpickled.

    Raises:
        ValueError: It is no such archive, is damaged, compressed, or has entries of other kinds;
            the message begins with ``program``.
    """
    # Otherwise an archive inside of one that is cut short would be taken for the whole.
    if data[-END:-18] != b"PK\5\6":
        raise ValueError("program: its archive is damaged or cut short; copy it again")
    try:
        with ZipFile(io.BytesIO(data)) as file:
            entries = _entries(file, len(data))
            if missing := [n for n in (MODEL, *CONFIGS.values()) if n not in entries]:
                raise ValueError(f"program: its archive has no {missing[0]}; save it again")
            if "byteorder" in entries and file.read(entries["byteorder"]) != b"little":
                raise ValueError("program: saved on a machine of another byte order")
            tables = {n: _json(file, entries[n]) for n in (MODEL, *CONFIGS.values())}
            found = Archive(tables[MODEL], {n: tables[path] for n, path in CONFIGS.items()})
            for name, entry in entries.items():
                if match := TENSORS.fullmatch(name):
                    found.tensors[match[1]][match[2]] = file.read(entry)
    except DAMAGES as error:
        if str(error).startswith("program: "):
            raise
        raise ValueError(f"program: its archive is damaged ({error}); copy it again") from error
    return found


def _entries(file: ZipFile, size: int) -> dict[str, ZipInfo]:
    """The entries by name without the folder that all are in, checked before any is read."""
    listed = file.infolist()
    root = listed[0].filename.partition("/")[0] if listed else ""
    if any(entry.filename == "serialized_exported_program.json" for entry in listed):
        raise ValueError("program: saved by an old torch; load it there, and save it by torch 2.9")
    if any(entry.filename.partition("/")[2].startswith(PICKLES) for entry in listed):
        raise ValueError(f"program: {PICKLE_ADVICE}")
    entries = {entry.filename.removeprefix(f"{root}/"): entry for entry in listed}
    if len(entries) < len(listed) or len(listed) > MOST_ENTRIES:
        raise ValueError("program: its archive has entries of one name, or too many")
    for name, entry in entries.items():
        if name.startswith(CODE):
            raise ValueError(f"program: its archive has {name!r}: {CODE_ADVICE}")
        known = name in (MODEL, *CONFIGS.values()) or TENSORS.fullmatch(name)
        if not (known or DROPPED.fullmatch(name)):
            raise ValueError(
                f"program: its archive has {name[:80]!r}, which torch.export.save does not write "
                "for one program of plain tensors"
            )
        if entry.compress_type != ZIP_STORED or entry.flag_bits & 1:
            raise ValueError(f"program: {name[:80]!r} is compressed or encrypted; store it plainly")
    if sum(entry.file_size for entry in listed) > size:
        raise ValueError("program: its archive claims more bytes than it has")
    return entries


def _json(file: ZipFile, entry: ZipInfo) -> dict[str, Any]:
    if entry.file_size > LARGEST_JSON:
        raise ValueError(f"program: {entry.filename!r} is larger than {LARGEST_JSON} bytes")
    try:
        found = json.loads(file.read(entry))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"program: {entry.filename!r} is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(f"program: {entry.filename!r} is no table")
    return found
