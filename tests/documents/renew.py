"""Writes into documents what their blocks print now: ``python -m tests.documents.renew PAGE ...``.

What is the same to the tolerance of documents stays as it is. Pictures beside a page that its
blocks draw are drawn anew. Look at the difference afterwards.
"""

from __future__ import annotations

import shutil
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from documents.outside import ROOT
from tests.documents.running import Reader, read
from tests.server.running import serving


def renewed(reader: Reader, page: str, root: Path = ROOT) -> str:
    """Return a document with what its blocks print now."""
    lines = (root / page).read_text().splitlines(keepends=True)
    grown = 0
    for block in read(reader, page, lambda block: block.mark not in ("skip", "slow"), root):
        if reader.saw(block):
            continue
        said = (reader.said or reader.all_said).rstrip("\n").splitlines(keepends=True)
        start, count = block.line - 1 + grown, len(block.text.splitlines())
        lines[start : start + count] = [f"{line.rstrip()}\n" for line in said]
        grown += len(said) - count
    return "".join(lines)


def main(pages: list[str]) -> None:
    """Renew documents, all with one server."""
    with TemporaryDirectory() as folder:
        models = Path(folder, "models")
        shutil.copytree(ROOT / "models" / "checkpoints", models)
        with serving("--models-dir", str(models)) as server:
            for page in pages:
                here = Path(folder, page.replace("/", "-"))
                here.mkdir()
                with closing(Reader(here, server.url)) as reader:
                    (ROOT / page).write_text(renewed(reader, page))
                for drawn in here.glob("*.png"):
                    shown = (ROOT / page).parent / drawn.name
                    if shown.exists():
                        shutil.copy(drawn, shown)


if __name__ == "__main__":
    main(sys.argv[1:])
