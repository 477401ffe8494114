"""Blocks of code in documents, and what is said of them in a comment on the line before.

======================  ==========================================================================
``<!-- skip: why -->``  it is not run
``<!-- slow: why -->``  it runs by ``make slow`` alone
``<!-- file: name -->`` it is a file of that name, which the blocks after it use
``<!-- about: why -->`` what was printed may differ by a quarter
======================  ==========================================================================
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

from documents.outside import ROOT, sources

MARK = re.compile(r"<!--\s*(skip|slow|file|about):\s*(.*?)\s*-->\s*$", re.DOTALL)
RUN = ("python", "sh")
"""Languages of blocks that are run."""

PAGES = sorted(sources().values())
"""All documents, as paths from the root of the repository."""


@dataclass(frozen=True)
class Block:
    """A block of code of a document.

    Attributes:
        page: Path of the document.
        line: Number of the line with which the code begins.
        language: As the block says.
        text: The code.
        mark: ``skip``, ``slow``, ``file`` or ``about``; empty if nothing is said.
        said: What is said with it.
    """

    page: str
    line: int
    language: str
    text: str
    mark: str = ""
    said: str = ""

    @property
    def place(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str, root: Path = ROOT) -> Iterator[Block]:
    """Yield the blocks of a document, in their order."""
    mark = None
    for token in MarkdownIt("commonmark").parse((root / page).read_text()):
        if token.type == "html_block":
            mark = MARK.search(token.content)
        elif token.type == "fence":
            said = mark.groups() if mark else ("", "")
            yield Block(page, (token.map or [0])[0] + 2, token.info.strip(), token.content, *said)
            mark = None
        elif token.type != "inline":
            mark = None
