"""Markdown twins of all pages, and ``llms.txt``, which lists them for programs that read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from documents.python_api import PACKAGES, twin

HEAD = """# Sureflow

> An inference server for flow-matching models that says how sure it is of every sample: each comes
> back with a confidence that was computed in the same forward passes, and its bytes depend on its
> own request alone.

Every page below is Markdown. A running server says of itself at `/llms.txt` what it serves.
"""


def write(site: Path, pages: Mapping[str, str], nav: Any) -> None:
    """Write a twin beside every page, and the list of all.

    Args:
        site: Where the site is.
        pages: Markdown by page, as it is on the site.
        nav: The navigation of MkDocs.
    """
    for page, markdown in pages.items():
        package = Path(page).stem.removeprefix("python-")
        text = twin(package) if package in PACKAGES else markdown
        (site / page).write_text(text)
    (site / "llms.txt").write_text("\n".join((HEAD, *_listed(nav, 2))) + "\n")


def _listed(items: Any, level: int) -> Iterator[str]:
    """Yield sections of the navigation as headings, and their pages as links."""
    for item in items:
        if item.is_section:
            yield f"\n{'#' * level} {item.title}\n"
            yield from _listed(item.children, level + 1)
        elif item.is_page:
            yield f"- [{item.title}]({item.file.src_uri})"
