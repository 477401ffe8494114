"""The page of all figures, and the table and the lines of users in ``docs/models.md``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.foreign.catalogue import PEERS
from benchmarks.foreign.peer import Peer
from benchmarks.foreign.scores import COUNT, FREE, JUDGED, LEARNED, MARK, TRIVIAL

PAGE, GUIDE = "foreign.md", "models.md"
BAR = 1e-4

HEAD = f"""# Models of other packages

Written by `python -m benchmarks.foreign --docs docs/benchmarks`. Every model is trained for about a
minute on 3,000 handwritten digits of 8 by 8 pixels, by its own package's code, written as that
package writes it, and imported by the command that [models](../models.md) shows.

## The same samples

16 samples from the same noise, in float32, by the package's own sampler and by ours with the same
steps: the largest absolute difference, at most {BAR:g} (data are in -1 .. 1). *Row* is a row of the
network as it is served, with its padding to a block size in use; *step* is a step of a lone sample,
with its score and all else. Both are over a bare pass of one row of the package's own network,
medians of runs that take turns; at most 4. *Served* says whether a server gave the bytes of
`sureflow.sample`, `divergence` whether the network can be differentiated, which that score needs.
"""

ORDER = (*FREE, *(f"({name})" for name in TRIVIAL), *(f"{name}, fitted" for name in LEARNED))
"""Of the rows of scores."""

COLUMNS = ("model", "package", "predicts", "path", "parameters", "lines", "difference")
TIMES = ("model", "block sizes", "bare pass, ms", "row", "step", "served", "`divergence`")


def write(figures: dict[str, Any], folder: Path) -> None:
    """Write the page, and the parts of the guide that are generated."""
    parts = [HEAD, _table(figures), "", _times(figures), "", *_notes(figures)]
    if any(label.startswith(MARK) for label in figures):
        parts += ["", _scores(figures)]
    (folder / PAGE).write_text("\n".join(parts).rstrip() + "\n")
    guide = folder.parent / GUIDE
    if guide.exists():
        text = _between(guide.read_text(), "table", _table(figures))
        guide.write_text(_between(text, "lines", _lines()))


def _between(text: str, name: str, new: str) -> str:
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    return re.sub(
        f"{re.escape(start)}.*?{re.escape(end)}",
        lambda _: f"{start}\n{new}\n{end}",
        text,
        flags=re.DOTALL,
    )


def _of(figures: Mapping[str, Any], name: str) -> dict[str, Any]:
    start = f"{name}: "
    return {key.removeprefix(start): z for key, z in figures.items() if key.startswith(start)}


def _table(figures: Mapping[str, Any]) -> str:
    rows = []
    for name in PEERS:
        own = _of(figures, name)
        if "difference" in own:
            rows.append(
                [
                    own["model"],
                    own["package"],
                    own["prediction"],
                    own["path"],
                    f"{own['parameters']:,}",
                    own["lines"],
                    f"{own['difference']:.1e}",
                ]
            )
    return _markdown(COLUMNS, rows)


def _times(figures: Mapping[str, Any]) -> str:
    rows = []
    for name in PEERS:
        own = _of(figures, name)
        if "row" in own:
            ratios = [f"{own[key]:.2f}" for key in ("bare", "row", "step")]
            more = own.get("served", ""), own.get("divergence", "")
            rows.append([own["model"], own["blocks"], *ratios, *more])
    return _markdown(TIMES, rows)


def _notes(figures: Mapping[str, Any]) -> list[str]:
    found = [f"* {peer.title}: {peer.note}." for peer in PEERS.values() if peer.note]
    for name, peer in PEERS.items():
        if why := _of(figures, name).get("missing"):
            found.append(f"* {peer.title}: was not measured here ({why}).")
    return found


def _scores(figures: Mapping[str, Any]) -> str:
    own = {key.removeprefix(MARK): z for key, z in figures.items() if key.startswith(MARK)}
    found = {key.split(": ")[1] for key in own if key.endswith(": value")}
    names = [name for name in ORDER if name in found]
    kinds = [kind for kind in JUDGED if f"{kind}: misread" in own]
    rows = []
    for name in names:
        cells = []
        for kind in kinds:
            value = {key: own.get(f"{kind}: {name}: {key}") for key in ("value", "low", "high")}
            within = own.get(f"{kind}: {name}: within")
            cells.append(
                "–"
                if value["value"] is None
                else f"{value['value']:.2f} ({value['low']:.2f}, {value['high']:.2f}); {within:.2f}"
            )
        rows.append([f"`{name}`" if not name.startswith("(") else name, *cells])
    rows.append(["misread, %", *(f"{own[f'{kind}: misread']:.1f}" for kind in kinds)])
    return "\n".join(
        [
            "## Which score finds bad samples",
            "",
            f"{COUNT} samples of each model by the default solver, Heun with 20 steps, digits",
            "taking turns. Bad is what a judge, trained on 2,000 other digits, reads as another",
            "digit. AUROC with a bootstrap interval of 95 %, then AUROC of the ranks within each",
            "digit; 0.5 is chance. Scores that are fitted have a variance beside the network; rows",
            "in brackets are trivial properties of the images.",
            "",
            _markdown(
                ("score", *(f"{kind} ({PEERS[JUDGED[kind]].title})" for kind in kinds)), rows
            ),
        ]
    )


def _lines() -> str:
    """What users type and write; what is the same is shown once."""
    plain = dict.fromkeys(_command(peer) for peer in PEERS.values() if not peer.files)
    parts, shown = ["```text", *plain], set[str]()
    for peer in PEERS.values():
        if peer.files:
            parts += ["", f"# {peer.title}", *_shown(peer, shown)]
    return "\n".join([*parts, "```"])


def _command(peer: Peer) -> str:
    return peer.command.replace(f"--name {peer.name}", "--name mine").replace(".onnx", ".pt2")


def _shown(peer: Peer, shown: set[str]) -> list[str]:
    lines = []
    for name, text in peer.files:
        if text not in shown:
            lines += [f"$ cat {name}", re.sub(r"\n\n+", "\n", text).rstrip()]
        shown.add(text)
    return [*lines, _command(peer)]


def _markdown(head: tuple[str, ...], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
