"""The site: built without a warning, whole, and independent of any other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.browser import chromium
from documents.outside import ROOT, sources
from documents.python_api import PACKAGES, exported

LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?(https?:)?//"""
    r"""|<link\b(?=[^>]*\brel=["']?(?:stylesheet|icon|preload|preconnect))[^>]*href=["']?https?://"""
    r"""|@import|url\(["']?https?://"""
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as ``make docs`` builds it; a warning is an error."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    pages = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(pages) > 40
    assert {
        page.name: found[0] for page in pages if (found := LOADED.search(page.read_text()))
    } == {}


def test_diagrams_are_pictures(site: Path) -> None:
    """The theme would load what draws others from elsewhere."""
    assert [page for page in site.rglob("*.html") if 'class="mermaid"' in page.read_text()] == []


@pytest.mark.slow
def test_it_can_be_searched_from_a_disk(site: Path, tmp_path: Path) -> None:
    flags = ("--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}")
    shown = subprocess.run(
        [
            *(chromium(), *flags, "--virtual-time-budget=20000", "--dump-dom"),
            f"file://{site}/index.html?q=handle",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(re.findall(r'class="md-search-result__item', shown.stdout)) > 3


def test_every_page_has_a_twin_that_llms_txt_names(site: Path) -> None:
    listed = re.findall(r"^- \[.+\]\((.+)\)$", (site / "llms.txt").read_text(), re.MULTILINE)
    pages = {page for page in site.rglob("*.html") if page.name != "404.html"}
    for page in pages:
        name = "README.md" if (page.parent / "README.md").is_file() else "index.md"
        twin = page.parent / name if page.name == "index.html" else page.with_suffix(".md")
        assert twin.read_text().startswith("# "), page
    assert sorted(listed) == sorted(
        path.relative_to(site).as_posix() for path in site.rglob("*.md")
    )
    assert {*sources()} <= {*listed}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_in_the_reference(package: str, site: Path) -> None:
    html = (site / "reference" / f"python-{package}.html").read_text()
    twin = (site / "reference" / f"python-{package}.md").read_text()
    assert len(exported(package)) >= 9
    for name in exported(package):
        assert f'id="{package}.{name}"' in html
        assert f"`{name}" in twin


def test_the_reference_has_every_route_command_and_setting(site: Path) -> None:
    http = (site / "reference" / "http.html").read_text()
    assert 'id="post-v1generate"' in http
    assert 'id="generaterequest"' in http
    commands = (site / "reference" / "commands.html").read_text()
    assert "--models-dir" in commands
    assert 'id="sureflow-client-jobs-wait"' in commands
    assert "SUREFLOW_HANDLE_TTL_S" in (site / "reference" / "settings.html").read_text()
    assert "sureflow_requests_total" in (site / "reference" / "metrics.html").read_text()
