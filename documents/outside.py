"""Pages of the site that lie outside ``docs/``, and links between all that is in the repository."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from os.path import normpath, relpath
from pathlib import Path
from posixpath import dirname, join

ROOT = Path(__file__).parents[1]
DOCS = "docs"

OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "clients/python/README.md": "client.md",
    "clients/studio/README.md": "studio.md",
    "deploy/README.md": "deploying.md",
    "deploy/ray/README.md": "ray.md",
}
"""Files of the repository, and what they are called on the site."""

LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)")
SOURCE = re.compile(r"(?<=<img src=\")(?P<target>[^\"]+)(?=\")")
FENCE = re.compile(r"^(`{3,}).*?^\1[ ]*$", re.MULTILINE | re.DOTALL)
SCHEME = re.compile(r"[a-z]+:|#")


def source_of(page: str) -> str:
    """Return where a page of the site lies in the repository."""
    known = {uri: path for path, uri in OUTSIDE.items()}
    return known.get(page, f"{DOCS}/{page}")


def page_of(path: str) -> str | None:
    """Return what a file of the repository is called on the site; ``None`` if it is not there."""
    if path.startswith(f"{DOCS}/"):
        return path.removeprefix(f"{DOCS}/")
    return OUTSIDE.get(path)


def with_site_links(markdown: str, page: str, dead: Callable[[str], None]) -> str:
    """Return a page with the links that it has on the site.

    A link to a file that is not on the site becomes its text.

    Args:
        markdown: As it is in the repository.
        page: What it is called on the site.
        dead: Told of every link to what is not in the repository.
    """
    source = source_of(page)

    def link(found: re.Match[str]) -> str:
        named = found.groupdict()
        target = _target(named["target"], source, page, dead)
        if target is None:
            return named.get("text", "")
        return found[0].replace(named["target"], target)

    return outside_fences(markdown, lambda text: SOURCE.sub(link, LINK.sub(link, text)))


def outside_fences(markdown: str, change: Callable[[str], str]) -> str:
    """Return Markdown with its prose changed, and its blocks of code as they were."""
    parts, end = [], 0
    for block in FENCE.finditer(markdown):
        parts += [change(markdown[end : block.start()]), block[0]]
        end = block.end()
    return "".join((*parts, change(markdown[end:])))


def _target(link: str, source: str, page: str, dead: Callable[[str], None]) -> str | None:
    """Return what a link says on the site; ``None`` where nothing of it is there."""
    if SCHEME.match(link):
        return link
    path, hash, anchor = link.partition("#")
    path = normpath(join(dirname(source), path))
    there = page_of(path)
    if there is None and not (ROOT / path).exists():
        dead(link)
    return None if there is None else relpath(there, dirname(page) or ".") + hash + anchor


def sources() -> Mapping[str, str]:
    """Return all documents of the repository, by what they are called on the site."""
    pages = {path.relative_to(ROOT / DOCS).as_posix() for path in (ROOT / DOCS).rglob("*.md")}
    return {page: source_of(page) for page in sorted({*pages, *OUTSIDE.values()})}
