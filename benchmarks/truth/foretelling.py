"""How early, and by what reading of activations, the final rank of a score can be told.

The foresight that ships is a ridge regression on the mean and deviation of every channel at one
time. Here other read-outs learn from the same draws, and are compared on others.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.report import Report
from benchmarks.truth import rungs
from benchmarks.truth.pool import HEARD, NAME, TIMES, Pool, drawn_pool
from sureflow.checkpoint import load
from sureflow.evaluation.probing import SEED, Regression

Features = tuple[Pool, Tensor]
"""Draws, and what is read of them, ``[n, F]``."""

COUNT, TEST_SEED, TEST_COUNT = 3000, 777_000, 600
"""Draws to fit by, which are those of the shipped foresight, and to compare on."""

PENALTIES = tuple(10.0 ** (power / 2) for power in range(2, 13))
WIDTH, EPOCHS, BATCH, RATE, DECAY, DROPPED, MEMBERS = 128, 60, 128, 2e-3, 0.1, 0.3, 3
STEEPNESS = 4.0
"""Of the logistic loss of a pair, in places."""


def ridge(fit: Features, test: Features) -> tuple[Tensor, Tensor]:
    """What a ridge regression within classes tells of ``test [m]``, and cross-fitted of ``fit``.

    Features are ``[n, F]``. The penalty is the one with the least cross-validated error.
    """
    (pool, x), y = fit, fit[0].places
    classes, folds = int(pool.labels.max()) + 1, torch.arange(len(y)) // 10 % 5
    crossed = torch.zeros(len(PENALTIES), len(y), dtype=torch.double)
    for fold in range(5):
        out = folds == fold
        learned = Regression(x[~out], pool.labels[~out], y[~out])
        for number, penalty in enumerate(PENALTIES):
            weight, bias = learned.solve(penalty, classes)
            crossed[number, out] = x[out].double() @ weight + bias[pool.labels[out]]
    best = int((crossed - y).square().mean(1).argmin())
    weight, bias = Regression(x, pool.labels, y).solve(PENALTIES[best], classes)
    return test[1].double() @ weight + bias[test[0].labels], crossed[best]


def per_class(fit: Features, test: Features) -> Tensor:
    """A ridge regression for every class, ``[m]``."""
    told = torch.zeros(len(test[1]), dtype=torch.double)
    for label in sorted({*fit[0].labels.tolist()}):
        parts = []
        for pool, x in (fit, test):
            own = pool.labels == label
            chosen = {name: getattr(pool, name)[own] for name in Pool.__dataclass_fields__}
            parts.append((Pool(**chosen | {"labels": torch.zeros_like(pool.labels[own])}), x[own]))
        told[test[0].labels == label] = ridge(*parts)[0]
    return told


def learned(fit: Features, test: Features, *, hidden: bool, pairs: bool) -> Tensor:
    """What networks with one hidden layer tell, or linear ones, the mean of some, ``[m]``.

    Their loss is the squared error, or that of ``pairs`` of a class in a wrong order.
    """
    mean, spread = fit[1].mean(0), fit[1].std(0).clamp(min=1e-6)
    classes = int(fit[0].labels.max()) + 1
    x, z = (
        torch.cat([((x - mean) / spread).float(), F.one_hot(pool.labels, classes).float()], 1)
        for pool, x in (fit, test)
    )
    y, labels = fit[0].places.float(), fit[0].labels
    told = torch.zeros(len(z), dtype=torch.double)
    for member in range(MEMBERS):
        torch.manual_seed(member)
        net = _net(x.shape[1], hidden).train()
        optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
        steps = EPOCHS * -(-len(x) // BATCH)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
        for _ in range(EPOCHS):
            for own in torch.split(torch.randperm(len(x)), BATCH):
                said = net(x[own])[:, 0]
                errors = (said - y[own]).square()
                loss = _wrong_pairs(said, y[own], labels[own]) if pairs else errors.mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
        with torch.inference_mode():
            told += net.eval()(z)[:, 0].double()
    return told / MEMBERS


def _net(features: int, hidden: bool) -> nn.Module:
    if not hidden:
        return nn.Linear(features, 1)
    first = nn.Linear(features, WIDTH)
    return nn.Sequential(first, nn.GELU(), nn.Dropout(DROPPED), nn.Linear(WIDTH, 1))


def _wrong_pairs(said: Tensor, y: Tensor, labels: Tensor) -> Tensor:
    """Logistic loss of the pairs of a class."""
    sign = (y[:, None] - y).sign() * (labels[:, None] == labels)
    apart = F.softplus(-STEEPNESS * sign * (said[:, None] - said))
    return (apart * sign.abs()).sum() / sign.abs().sum().clamp(min=1)


def measure(report: Report, quick: bool, cache: Path) -> None:
    """Add, for every read-out and time, the rank correlation with the final score."""
    model = load(NAME)
    pools = []
    for count, seed in ((COUNT, SEED), (TEST_COUNT, TEST_SEED)):
        count = count // 10 if quick else count
        version = model.card.version.removeprefix("sha256:")[:12]
        file = cache / f"foretelling-{NAME}-{seed}-{count}-{version}.pt"
        if not file.exists():
            cache.mkdir(parents=True, exist_ok=True)
            torch.save(vars(drawn_pool(model, count, seed)), file)
        pools.append(Pool(**torch.load(file)))
    fit, test = pools
    report.add("foretelling: draws to fit by", len(fit.final))
    report.add("foretelling: draws to compare on", len(test.final))
    for number, t in enumerate(TIMES):
        for name, told in _told(fit, test, number).items():
            report.add(f"foretelling, {name}: t = {t}", test.correlation(told))
    rungs.measure(report, test)


def _told(fit: Pool, test: Pool, number: int) -> dict[str, Tensor]:
    """What every read-out tells of the test draws at one of the times."""
    last = HEARD.index(TIMES[number])

    def both(of: Callable[[Pool], Tensor]) -> tuple[Features, Features]:
        return (fit, of(fit)), (test, of(test))

    plain = both(lambda pool: pool.moments[:, last])
    told, crossed = ridge(*plain)
    placed = {id(fit): crossed, id(test): told}
    weighed = both(lambda pool: torch.stack([placed[id(pool)], pool.running[:, last, 0]], 1))
    scored = both(lambda pool: torch.cat([pool.moments[:, last], pool.running[:, last, :1]], 1))
    whole = both(lambda pool: pool.moments[:, : last + 1].flatten(1))
    finer = both(lambda pool: torch.cat([pool.moments[:, last], pool.patches[:, number]], 1))
    return {
        "running score": test.running[:, last, 0],
        "foresight as shipped": test.running[:, last, 1],
        "ridge": told,
        "ridge, weighed with the running score": ridge(*weighed)[0],
        "ridge on moments and the running score": ridge(*scored)[0],
        "ridge, one for every class": per_class(*plain),
        "ridge on all times so far": ridge(*whole)[0],
        "ridge, pooled in 2 x 2 patches too": ridge(*finer)[0],
        "linear, loss of pairs": learned(*plain, hidden=False, pairs=True),
        "network of 128": learned(*plain, hidden=True, pairs=False),
        "network of 128, loss of pairs": learned(*plain, hidden=True, pairs=True),
    }


def fragment(figures: dict[str, Any]) -> str:
    """The figures as a section with a table."""
    count, others = (figures[f"foretelling: draws to {what}"] for what in ("fit by", "compare on"))
    rows = [["read-out", *(f"t = {t}" for t in TIMES)], ["---", *["---:"] * len(TIMES)]]
    start, end = "foretelling, ", f": t = {TIMES[0]}"
    for label in figures:
        if label.startswith(start) and label.endswith(end):
            name = label.removeprefix(start).removesuffix(end)
            rows.append([name, *(f"{figures[f'{start}{name}: t = {t}']:.3f}" for t in TIMES)])
    table = "\n".join("| " + " | ".join(row) + " |" for row in rows)
    text = TEXT.format(count=count, others=others)
    return f"## What foretells `{NAME}`\n\n{text}\n\n{table}"


TEXT = """Rank correlation, within a class, of what is told at a time with the final `probe`, on
{others} draws that no read-out learned from; each learned from {count} others. What the server
goes by is a ridge regression on the mean and deviation of every channel, weighed with the running
score."""
