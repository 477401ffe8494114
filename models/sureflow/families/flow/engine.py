"""The engine of flows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from sureflow.core.engine import EarlyRule, Engine, Head, LearnedFile
from sureflow.core.execution import Compile
from sureflow.core.lane import LaneSpec
from sureflow.core.process import Bucket
from sureflow.core.size import in_words, read_size
from sureflow.core.unwatched import unwatched
from sureflow.families.flow import head, stage_heads
from sureflow.families.flow.checks import check
from sureflow.families.flow.directional import differentiable
from sureflow.families.flow.encodings import Encodings
from sureflow.families.flow.grid import Grid
from sureflow.families.flow.lanes import FlowLanes
from sureflow.families.flow.phases import FlowPhases
from sureflow.families.flow.process import CLASSES, JVP, PREVIEW, VELOCITY
from sureflow.families.flow.scores.catalogue import scores_of
from sureflow.families.flow.spec import GRIDS, FlowSpec
from sureflow.networks import (
    Bfloat16,
    Classifier,
    FrozenVelocity,
    Laplace,
    Probe,
    Staged,
    build,
    kind_of,
)
from sureflow.networks.foreign.held_program import other_runtime
from sureflow.networks.probe import FORESEES
from sureflow.networks.scorers.circuit import Circuit
from sureflow.networks.scorers.critic import Critic

GRID, PROBE = "grid.safetensors", "probe.safetensors"
FORESIGHT, CLASSIFIER = "foresight.safetensors", "classifier.safetensors"
LAPLACE = "laplace.safetensors"
CRITIC, CIRCUIT = "critic.safetensors", "circuit.safetensors"
"""Files that a flow's checkpoint folder may have."""

SCORERS = "critic", "circuit"
"""Networks that score finished samples, in files of these names."""


class FlowEngine(Engine):
    """Evaluates velocities, their variances and derivatives, and integrates them."""

    main = VELOCITY
    learned: ClassVar[tuple[LearnedFile, ...]] = (
        LearnedFile("grid", GRID, "sureflow grid", Grid.load, Grid.tensors),
        LearnedFile("probe", PROBE, "sureflow probe", Probe.load, Probe.tensors),
        LearnedFile("foresight", FORESIGHT, "sureflow probe", Probe.load, Probe.tensors, False),
        LearnedFile(
            "classifier", CLASSIFIER, "sureflow classifier", Classifier.load, Classifier.tensors
        ),
        LearnedFile("laplace", LAPLACE, "sureflow ignorance", Laplace.load, Laplace.tensors),
        LearnedFile("critic", CRITIC, "sureflow critic", Critic.load, Critic.tensors),
        LearnedFile("circuit", CIRCUIT, "sureflow circuit", Circuit.load, Circuit.tensors),
    )

    def __init__(self, model: Any, own: Bucket = ()) -> None:
        super().__init__(model)
        self.encodings = Encodings()
        self._own = own

    @classmethod
    def build(cls, config: Mapping[str, Any]) -> nn.Module:
        """Make the velocity network that a checkpoint describes."""
        return build(dict(config))

    @classmethod
    def state(cls, config: Mapping[str, Any]) -> Mapping[str, Tensor]:
        """Names, shapes and types of the network's tensors, on the meta device where possible."""
        kind = kind_of(dict(config))
        try:
            with torch.device("meta" if kind.trained else "cpu"), unwatched():
                return cls.build(config).state_dict()
        except ValueError:
            if kind not in (FrozenVelocity, Staged):
                raise
            # A foreign module may read values in its constructor, and meta tensors have none.
            return cls.build(config).state_dict()

    @classmethod
    def facts(cls, network: Any, learned: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of the model's card that depend on the velocity network."""
        probe, classifier = learned.get("probe"), learned.get("classifier")
        laplace = learned.get("laplace")
        decoder = network.decoder if isinstance(network, Staged) else None
        return {
            "shape": network.shape if decoder is None else decoder.shape,
            "state_shape": network.shape,
            "stages": network.stages if isinstance(network, Staged) else (),
            "grids": GRIDS if "grid" in learned else GRIDS[:1],
            "differentiable": differentiable(network),
            "probed": {} if probe is None else probe.settings,
            "classified": {} if classifier is None else classifier.settings,
            "laplace": {} if laplace is None else laplace.settings,
            "scorers": {name: learned[name].settings for name in SCORERS if name in learned},
            "conditions": dict(network.conditions),
            "null_label": network.null_label,
            "variance": network.variance_source,
            **_shapes(network),
        }

    @classmethod
    def attach(cls, network: Any, learned: Mapping[str, Any]) -> None:
        """Attach what there is that reads every evaluation of the network."""
        probes = (("probe", PROBE), ("foresight", FORESIGHT))
        for place, file in (*probes, ("classifier", CLASSIFIER), ("laplace", LAPLACE)):
            if place in learned:
                try:
                    network.attach(learned[place], place)
                except ValueError as error:
                    raise ValueError(f"{file}: {error}") from error
        for name in (name for name in SCORERS if name in learned):
            try:
                network.score_by(learned[name], name)
            except ValueError as error:
                raise ValueError(f"{name}.safetensors: {error}") from error

    @classmethod
    def rounded(cls, network: Any) -> nn.Module | None:
        """The same network in bfloat16, if it has weights; stages beside its velocity stay."""
        if isinstance(network, Staged):
            if network.denoiser.trained:
                network.denoiser = Bfloat16(network.denoiser)
            return network
        return Bfloat16(network) if network.trained else None

    @classmethod
    def prepare(cls, network: Any, compile: Compile) -> None:
        """Check that torch runs all of a network, and leave alone what is not to be compiled.

        The few numbers by which a foreign network is converted are not compiled: they are looked up
        in tables, and in float64.
        """
        if runtime := other_runtime(network):
            raise ValueError(f"compile: {runtime} runs the network, not torch; serve it without")
        for part in network.modules():
            if compile == "compile" and isinstance(part, FrozenVelocity):
                plain: Any = torch.compiler.disable
                part.convention.at = plain(part.convention.at)  # type: ignore[method-assign]

    def buckets(self) -> Sequence[Bucket]:
        """The default size, and the names of the others."""
        return ((), *map(in_words, self.model.card.sizes[1:]))

    def bucket(self, spec: LaneSpec) -> Bucket:
        """The name of a lane's size, if it is not the default one."""
        size = cast(FlowSpec, spec).size
        return in_words(size) if size else ()

    def at(self, bucket: Bucket) -> FlowEngine:
        """The engine of a model that makes samples of this size alone."""
        if bucket == self._own:
            return self
        card = self.model.card.at(read_size(str(bucket)))
        found = type(self)(replace(self.model, card=card), bucket)
        found.encodings = self.encodings
        return found

    def heads(self) -> Mapping[str, Head]:
        """The velocity with its variance, its derivative, the classes of states, and the stages."""
        network, card = self.model.network, self.model.card
        of = network, card.conditions, card.state_shape
        found = {VELOCITY: head.velocity(*of), JVP: head.jvp(*of)}
        if network.classifier is not None:
            found[CLASSES] = head.classes(network, card.state_shape)
        if not isinstance(network, Staged):
            return found
        return found | stage_heads.heads(network, card.state_shape, card.shape)

    def deciding(self) -> Sequence[str]:
        """The velocity, and the stages that there are but for previews."""
        return (VELOCITY, *(stage for stage in self.model.card.stages if stage != PREVIEW))

    def lanes(self, capacity: int, early: Mapping[str, EarlyRule] | None = None) -> FlowLanes:
        """Slots for lanes of this model."""
        return FlowLanes(capacity, **self.slots(), early=early)

    def slots(self) -> dict[str, Any]:
        """What slots for lanes need to know of the model, by argument of ``FlowLanes``."""
        model, card = self.model, self.model.card
        foresight = model.network.foresight
        return {
            "shape": card.state_shape,
            "device": model.device,
            "null_label": model.network.classes,
            "fitted": model.grid,
            "conditions": card.conditions,
            "decoded": card.decoded,
            "has_variance": card.variance != "none",
            "bucket": self._own,
            "foresees": None if foresight is None else foresight.settings.get(FORESEES),
            "scores": scores_of(card),
            "scorers": dict(model.network.scorers),
        }

    def staged(self) -> dict[str, Any]:
        """What phases need to know of the stages, by argument of ``FlowPhases``."""
        return {"encodings": self.encodings, "stages": self.model.card.stages}

    def phases(self, capacity: int, early: Mapping[str, EarlyRule]) -> FlowPhases:
        """The solvers, and the phases before and after them."""
        return FlowPhases(self.lanes(capacity, early), **self.staged())

    def check(self, spec: LaneSpec) -> None:
        """Check that the model can run a lane; see :func:`~sureflow.families.flow.checks.check`."""
        check(cast(FlowSpec, spec), self.model)


def _shapes(network: Any) -> dict[str, Any]:
    """Fields of the card on the shapes that there are to choose from, if there are several."""
    if len(network.shapes) < 2:
        return {}
    return {"shapes": network.sample_shapes, "state_shapes": network.shapes}
