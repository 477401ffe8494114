"""Commands that documents name are there, with the options that they are given."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from documents import commands
from documents.outside import ROOT
from tests.documents.blocks import PAGES, blocks

TYPED = re.compile(
    r"(?:^|[$|] ?|\$\(|&& )(?:\S*/)?(sureflow(?:-client)?) +([^\n|;&)>]+)", re.MULTILINE
)
BENCHMARK = re.compile(r"-m (benchmarks(?:\.\w+)+)")
INSTALLED = re.compile(r"pip install ([^\n`]*)")
OURS = re.compile(r"sureflow(-client|-studio)?\b")
SOURCES = ("models", "server", "clients", "benchmarks", "examples")
OPTION = re.compile(r"--[a-z][a-z-]*")
OPTIONS = {
    words: {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
    for name, parser in commands.parsers().items()
    for words, command in commands.leaves(parser, name)
}


def inline(page: str) -> Iterator[Token]:
    """Yield what is within the paragraphs and cells of a document."""
    parser = MarkdownIt("commonmark").enable("table")
    for token in parser.parse((ROOT / page).read_text()):
        yield from token.children or ()


def named(page: str) -> Iterator[tuple[str, str]]:
    """Yield the commands that a document names, each with what follows."""
    prose = [token.content for token in inline(page) if token.type == "code_inline"]
    code = [block.text for block in blocks(page) if block.language != "python"]
    typed = [text.replace("\\\n", " ") for text in code]
    for text in (*prose, *typed):
        yield from TYPED.findall(text)


def unknown(command: str, rest: str) -> str | None:
    """What is wrong with a command: its name, or an option; ``None`` if nothing is."""
    words = [command, *rest.split()]
    known = next((path for path in OPTIONS if list(path) == words[: len(path)]), None)
    groups = {path[:2] for path in OPTIONS if len(path) > 2}
    if known is None:
        return None if (*words[:2],) in groups or not words[1].isalpha() else words[1]
    wrong = {*OPTION.findall(" ".join(words))} - OPTIONS[known] - {"--help"}
    return f"{' '.join(known)} {' '.join(sorted(wrong))}" if wrong else None


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_commands_and_their_options_exist(page: str) -> None:
    assert [wrong for one in named(page) if (wrong := unknown(*one))] == []


@pytest.mark.parametrize("page", [page for page in PAGES if "benchmarks" not in page])
def test_options_that_stand_alone_exist(page: str) -> None:
    known = {"--help"}.union(*OPTIONS.values())
    alone = [one.content for one in inline(page) if one.type == "code_inline"]
    assert {one for one in alone if OPTION.fullmatch(one)} <= known


def test_they_are_found() -> None:
    assert len([one for page in PAGES for one in named(page)]) > 60
    assert unknown("sureflow", "calibrate ring --draw 3") == "sureflow calibrate --draw"
    assert unknown("sureflow", "callibrate ring") == "callibrate"
    assert unknown("sureflow-client", "jobs wait JOB --out x") is None


def test_what_is_to_be_installed_is_somewhere() -> None:
    """Our own packages are in this repository and in no registry, whoever says to install them."""
    sources = [path for name in SOURCES for path in (ROOT / name).rglob("*.py")]
    found = [
        word.strip("'\",;:`)")
        for path in (*sources, *(ROOT / page for page in PAGES))
        for rest in INSTALLED.findall(path.read_text())
        for word in rest.split()
    ]
    assert len(found) > 10
    assert [word for word in found if OURS.match(word)] == []
    folders = {word.partition("[")[0] for word in found if word.startswith(".")}
    assert all((ROOT / folder / "pyproject.toml").exists() for folder in folders)


def test_benchmarks_exist() -> None:
    names = {name for page in PAGES for name in BENCHMARK.findall((ROOT / page).read_text())}
    names.remove("benchmarks.NAME")
    places = {name: ROOT.joinpath(*name.split(".")) for name in names}
    assert len(names) > 15
    there = {
        n
        for n, p in places.items()
        if p.with_suffix(".py").exists() or (p / "__main__.py").exists()
    }
    assert names - there == set()
