"""The folder of ``--out``: the samples of one run, and their record."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._exceptions import InvalidArgument
from .._recipe import digest_of, made_alone
from .._result import Asked
from .._sample import Sample

RECORD, REQUEST, SHEET = "samples.jsonl", "request.json", "sheet.png"
SAMPLE = re.compile(r"\d{4,}\.\w+")
WITHHELD = {"data", "map"}


class Folder:
    """Where a run goes, a sample at a time, so that what is finished is kept whatever follows.

    Files are written for the samples that passed; the record has a line for every sample.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines: dict[int, dict[str, Any]] = {}

    def begin(self, force: bool) -> None:
        """Make sure, before anything is asked, that no other run is lost.

        Raises:
            InvalidArgument: There is another one, and it shall not be replaced.
            OSError: The folder cannot be written to.
        """
        held = [file for file in self._files() if file.exists()]
        made = [file.name for file in held if file.name != REQUEST]
        if made and not force:
            raise InvalidArgument(
                f"{self.path} holds another run ({made[0]}, ...): give another --out, or "
                "--force to replace it, or --resume to go on with it"
            )
        for file in held:
            file.unlink()
        self.path.mkdir(parents=True, exist_ok=True)

    def resume(self) -> tuple[dict[str, Any], list[Sample]]:
        """Return the request of an interrupted run, and the samples that it has made.

        Raises:
            InvalidArgument: There is no such run here.
        """
        try:
            request: dict[str, Any] = json.loads((self.path / REQUEST).read_text("utf-8"))
            record = (self.path / RECORD).read_text("utf-8") if self._has(RECORD) else ""
            # The last line may be half of one.
            lines = [json.loads(line) for line in record.splitlines(True) if line.endswith("\n")]
            self.lines = {line["index"]: line for line in lines}
            return request, [self._sample(line) for line in lines]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InvalidArgument(f"{self.path} holds no run to go on with: {error}") from error

    def asked(self, request: Mapping[str, Any]) -> None:
        """Note what is asked for, so that it can be gone on with."""
        (self.path / REQUEST).write_text(f"{json.dumps(request, indent=2)}\n", "utf-8")

    def add(self, asked: Asked, sample: Sample, request: Mapping[str, Any] | None = None) -> None:
        """Write a sample, with what makes it again if the request is known."""
        line = line_of(asked, sample)
        if request is not None:
            line["calls"] = [made_alone(request, sample)]
        if sample.data is not None:
            line["sha256"] = digest_of(sample)
        if sample.accepted:
            suffix, content = sample.file()
            line["file"] = f"{sample.index:04d}{suffix}"
            (self.path / line["file"]).write_bytes(content)
        self.lines[sample.index] = line
        with (self.path / RECORD).open("a", encoding="utf-8") as record:
            record.write(f"{json.dumps(line)}\n")

    def finish(self) -> None:
        """Put the record in the order of the samples."""
        ordered = [self.lines[index] for index in sorted(self.lines)]
        text = "".join(f"{json.dumps(line)}\n" for line in ordered)
        (self.path / RECORD).write_text(text, encoding="utf-8")

    def _sample(self, line: Mapping[str, Any]) -> Sample:
        """Return a sample as the record and its file have it."""
        data = None
        if line["file"] is not None:
            data = base64.b64encode((self.path / line["file"]).read_bytes()).decode()
        return Sample.model_validate({**line, "data": data})

    def _files(self) -> list[Path]:
        """What a run writes here."""
        known = [self.path / name for name in (RECORD, REQUEST, SHEET)]
        found = self.path.iterdir() if self.path.is_dir() else ()
        return [*known, *sorted(file for file in found if SAMPLE.fullmatch(file.name))]

    def _has(self, name: str) -> bool:
        return (self.path / name).exists()


def line_of(asked: Asked, sample: Sample) -> dict[str, Any]:
    """Return everything about a sample but its arrays."""
    head = {"request": asked.id, "model": asked.model, "model_version": asked.model_version}
    facts = sample.model_dump(mode="json", exclude=WITHHELD)
    return {**head, **facts, "accepted": sample.accepted, "file": None}
