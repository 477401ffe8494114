"""Best 4 of 20 by successive halving, against finishing all 20: what it saves, what it loses.

Every lane is finished, and stops at rungs on the way, where what its score foresees is noted. From
that the cohort of the server decides who would have gone on. That both come to the same is checked
on the first requests.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import spearmanr

from benchmarks.report import Report, options
from benchmarks.truth.off_support import off_support
from sureflow.checkpoint import load
from sureflow.core.family import family_of
from sureflow.core.halving import Halving, halve
from sureflow.core.lane import Sample
from sureflow.core.lanes import Suspended
from sureflow.evaluation.digit_reader import DigitReader
from sureflow.evaluation.judge import Judge
from sureflow.evaluation.realism import JUDGE, real_clothes, unreality
from sureflow.families.flow.spec import FlowSpec
from sureflow.model import Model
from sureflow.networks import GaussianMixture
from sureflow.sampling.cohort import Cohort
from sureflow.sampling.halved import run_halved
from sureflow.sampling.parked import Parked
from sureflow.sampling.sampler import Sampler
from sureflow_server.api.resolve_filter import foretold_from

LANES, BEST = 20, 4
TIMES = tuple(round(0.1 * tenth, 1) for tenth in range(1, 10))
CHECKED = 2
"""Requests that are run by halving as well."""

MODELS = {"digits": 500, "fashion": 500, "ring": 2000}
"""Requests."""

Flags = npt.NDArray[np.bool_]


@dataclass
class Climbed:
    """A finished lane, and what its score foresaw at each of :data:`TIMES` that it came by."""

    parked: list[Parked] = field(default_factory=list)
    sample: Sample | None = None

    @property
    def whole(self) -> Sample:
        """The finished sample."""
        assert self.sample is not None
        return self.sample

    def at(self, rung: float) -> Parked | None:
        """The lane at a rung; ``None`` if it had ended before."""
        return next((each for each in self.parked if each.t >= rung - 1e-9), None)


def climb(model: Model, specs: Sequence[FlowSpec], capacity: int = 40) -> list[Climbed]:
    """Finish all lanes, and let each stop at all times on the way."""
    sampler = Sampler(model, capacity)
    found = [Climbed() for _ in specs]
    waiting: deque[tuple[int, Parked | None]] = deque((i, None) for i in range(len(specs)))
    running: dict[int, int] = {}
    tickets = 0
    while waiting or sampler.running:
        while waiting and sampler.free:
            number, parked = waiting.popleft()
            sampler.admit(tickets, specs[number], rungs=TIMES, parked=parked)
            running[tickets], tickets = number, tickets + 1
        tick = sampler.tick()
        for ticket, sample in tick.finished:
            found[running.pop(ticket)].sample = sample
        for ticket, parked in tick.parked:
            number = running.pop(ticket)
            waiting.appendleft((number, parked))
            small = replace(parked.sample, data=np.zeros(0, np.float32), frames=(), fields={})
            found[number].parked.append(replace(parked, sample=small, suspended=_NOTHING))
    return found


_NOTHING = Suspended(frame=None, evaluations=0)  # type: ignore[arg-type]


def halved(lanes: Sequence[Climbed], halving: Halving) -> tuple[list[int], int]:
    """The lanes that are finished, and the evaluations of all."""
    cohort = Cohort(halving, range(len(lanes)))
    left, spent = [*range(len(lanes))], 0
    for rung in halving.rungs:
        for number in left:
            parked = lanes[number].at(rung)
            if parked is None:
                cohort.end(number)
            else:
                cohort.arrive(number, parked)
        if settled := cohort.settle():
            spent += sum(sample.evaluations for sample in settled.dropped.values())
            left = [number for number in left if number not in settled.dropped]
    return left, spent + sum(lanes[number].whole.evaluations for number in left)


def best(lanes: Sequence[Climbed], among: Sequence[int]) -> list[int]:
    """The surest of some lanes, as the filter ranks them."""
    return sorted(among, key=lambda number: (lanes[number].whole.uncertainty, number))[:BEST]


def misread(samples: list[Sample]) -> Flags:
    """Digits that an independent reader takes for another one."""
    labels = np.array([sample.spec.label for sample in samples])
    read = torch.cat([DigitReader.load().read(part) for part in torch.split(_data(samples), 500)])
    return np.asarray(read.numpy() != labels)


def unreal(samples: list[Sample]) -> Flags:
    """The fifth of all clothes that a judge finds least real."""
    judge = Judge.load(JUDGE, 10)
    features = [judge.read(part.clamp(-1, 1))[1] for part in torch.split(_data(samples), 500)]
    found = unreality(torch.cat(features), real_clothes(judge)).numpy()
    return np.asarray(found > np.quantile(found, 0.8))


def outside(samples: list[Sample]) -> Flags:
    """Points where the exact density is below that of 99.9 % of real ones."""
    exact = load("ring-exact").network
    assert isinstance(exact, GaussianMixture)
    return np.asarray(off_support(_data(samples), exact).numpy())


def _data(samples: list[Sample]) -> torch.Tensor:
    return torch.from_numpy(np.stack([sample.data for sample in samples]))


JUDGES: dict[str, Callable[[list[Sample]], Flags]] = {
    "digits": misread,
    "fashion": unreal,
    "ring": outside,
}


def measure(report: Report, name: str, requests: int, seed: int) -> None:
    """Add the figures of one model."""
    model = load(name)
    classes = len(model.card.classes)
    specs = [
        FlowSpec(seed + request, lane, label=request % classes if classes else None)
        for request in range(requests)
        for lane in range(LANES)
    ]
    climbed = climb(model, specs)
    cohorts = [climbed[start : start + LANES] for start in range(0, len(climbed), LANES)]
    first = replace(specs[0], scores=(model.score,))
    rungs = family_of(model.card).rungs(first, foretold_from(model.card, first))
    halving = halve(LANES, BEST, rungs)
    _check(model, specs, cohorts, halving)
    bad = JUDGES[name]([lane.whole for lane in climbed]).reshape(requests, LANES)
    report.add(f"{name}: requests", requests)
    report.add(f"{name}: score", model.score)
    report.add(f"{name}: rungs", ", ".join(map(str, rungs)))
    report.add(f"{name}: survivors", ", ".join(map(str, halving.survivors)))
    for t in TIMES:
        _foretold(report, name, cohorts, t)
    whole = np.array([best(lanes, range(LANES)) for lanes in cohorts])
    parts = [halved(lanes, halving) for lanes in cohorts]
    chosen = np.array([best(lanes, left) for lanes, (left, _) in zip(cohorts, parts, strict=True)])
    spent = sum(cost for _, cost in parts) / sum(lane.whole.evaluations for lane in climbed)
    report.add(f"{name}: evaluations, of those of finishing all", 100 * spent, "%")
    for title, among in (
        ("the first four", np.tile(np.arange(BEST), (requests, 1))),
        ("best of all", whole),
        ("best by halving", chosen),
    ):
        share = float(np.take_along_axis(bad, among, 1).mean())
        report.add(f"{name}: bad of {title}", 100 * share, "%")
    apart = np.take_along_axis(bad, chosen, 1).mean(1) - np.take_along_axis(bad, whole, 1).mean(1)
    low, high = _interval(apart)
    report.add(f"{name}: more bad by halving", 100 * float(apart.mean()), "%")
    report.add(f"{name}: that is at least", 100 * low, "%")
    report.add(f"{name}: and at most", 100 * high, "%")
    same = [len({*one} & {*other}) for one, other in zip(whole, chosen, strict=True)]
    shared = 100 * float(np.mean(same)) / BEST
    report.add(f"{name}: of the best four of all among those by halving", shared, "%")


def _check(
    model: Model, specs: list[FlowSpec], cohorts: list[list[Climbed]], halving: Halving
) -> None:
    """Make sure that halving drops those that the notes say."""
    groups = [specs[start : start + LANES] for start in range(0, CHECKED * LANES, LANES)]
    for lanes, made in zip(cohorts, run_halved(model, groups, halving), strict=False):
        left, spent = halved(lanes, halving)
        assert left == [number for number, sample in enumerate(made) if sample.rung is None]
        assert spent == sum(sample.evaluations for sample in made)
        assert all((made[n].data == lanes[n].whole.data).all() for n in left)


def _foretold(report: Report, name: str, cohorts: list[list[Climbed]], t: float) -> None:
    """How well lanes are ranked at a time, within a request, by what their score foresees."""
    values = np.array(
        [[parked.value for lane in lanes if (parked := lane.at(t))] for lanes in cohorts]
    )
    if not np.isfinite(values).all() or (np.ptp(values, 1) == 0).any():
        report.add(f"{name}: rank correlation with the score, t = {t}", "nothing known")
        return
    final = np.array([[lane.whole.uncertainty for lane in lanes] for lanes in cohorts])
    both = [spearmanr(*pair).statistic for pair in zip(values, final, strict=True)]
    report.add(f"{name}: rank correlation with the score, t = {t}", float(np.mean(both)))


def _foreseen(lane: Climbed, t: float) -> float:
    parked = lane.at(t)
    return np.nan if parked is None else parked.value


def _interval(values: npt.NDArray[np.float64], draws: int = 2000) -> tuple[float, float]:
    """Bootstrap of the mean over requests, 95 %."""
    generator = np.random.default_rng(0)
    means = [generator.choice(values, len(values)).mean() for _ in range(draws)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Run the benchmark."""
    parser = options(__doc__)
    parser.add_argument("--models", nargs="+", choices=[*MODELS], default=[*MODELS])
    parser.add_argument("--requests", type=int, help="of each model, instead of its own number")
    parser.add_argument("--seed", type=int, default=7_000_000)
    arguments: argparse.Namespace = parser.parse_args()
    report = Report("halving")
    for name in arguments.models:
        requests = arguments.requests or (20 if arguments.quick else MODELS[name])
        measure(report, name, requests, arguments.seed)
    report.write(arguments.json)


if __name__ == "__main__":
    main()
