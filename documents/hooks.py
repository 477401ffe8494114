"""What MkDocs is told beside ``mkdocs.yml``: pages from elsewhere, links, twins."""

from __future__ import annotations

import logging
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

from documents import commands, http, metrics, python_api, settings, twins
from documents.outside import OUTSIDE, ROOT, with_site_links

log = logging.getLogger("mkdocs.hooks.documents")
_pages: dict[str, str] = {}
_nav: list[Navigation] = []


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies outside ``docs/``, and the reference, which is generated."""
    _pages.clear()
    for path, page in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / path)))
    for page, text in reference().items():
        files.append(File.generated(config, f"reference/{page}", content=text))
    return files


def reference() -> dict[str, str]:
    """Return the generated pages."""
    pages = {
        "http.md": http.page(http.document()),
        "commands.md": commands.page(),
        "settings.md": settings.page(),
        "metrics.md": metrics.page(),
    }
    return pages | {f"python-{name}.md": python_api.page(name) for name in python_api.PACKAGES}


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:
    """Keep the navigation, which the list of all pages has too."""
    _nav[:] = [nav]
    return nav


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links of the repository into links of the site; a dead one is a warning."""
    uri = page.file.src_uri

    def dead(link: str) -> None:
        log.warning("%s: links to %s, which does not exist", uri, link)

    _pages[uri] = with_site_links(markdown, uri, dead)
    return _pages[uri]


def on_post_build(config: MkDocsConfig) -> None:
    """Write the twins."""
    twins.write(Path(config.site_dir), _pages, _nav[0])
