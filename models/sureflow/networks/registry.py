"""The registry of networks, by the names that configs use.

A name refers either to a kind, a subclass of :class:`VelocityNetwork`, or to any other callable
that makes a ``torch.nn.Module``, which the kind ``frozen`` takes as its ``base``. Besides the
built-in kinds there are those of installed packages (entry points of the group
``sureflow.networks``), and those of :func:`register` and :func:`declare_plugin`. So a config can
only name what the operator has made available.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from torch import nn

from sureflow.allocator import keep_freed
from sureflow.networks.analytic import GaussianMixture
from sureflow.networks.crystal import CrystalNetwork
from sureflow.networks.decoder import Decoder
from sureflow.networks.dit import DiT
from sureflow.networks.frozen import FrozenVelocity
from sureflow.networks.image_decoder import ImageDecoder
from sureflow.networks.image_encoder import ImageEncoder
from sureflow.networks.mlp import MLP
from sureflow.networks.network import VelocityNetwork
from sureflow.networks.sample_encoder import SampleEncoder
from sureflow.networks.staged import Staged, text_of
from sureflow.networks.text_encoder import TextEncoder
from sureflow.networks.token_transformer import TokenTransformer
from sureflow.networks.unet import UNet

GROUP = "sureflow.networks"

_Stage = TypeVar("_Stage", Decoder, SampleEncoder, TextEncoder)

Factory = Callable[..., nn.Module]
"""Called with the arguments of a config."""

_factories: dict[str, Factory] = {
    "crystal": CrystalNetwork,
    "dit": DiT,
    "frozen": FrozenVelocity,
    "gaussian_mixture": GaussianMixture,
    "image_decoder": ImageDecoder,
    "image_encoder": ImageEncoder,
    "mlp": MLP,
    "staged": Staged,
    "token_transformer": TokenTransformer,
    "unet": UNet,
}
_bases = {
    name: EntryPoint(name, f"sureflow.networks.foreign.{name}:{name}", GROUP)
    for name in (
        *("diffusers", "diffusers_decoder", "diffusers_encoder", "exported", "onnx"),
        "transformers_encoder",
    )
}
"""Bases built in, which are imported on first use: what they need takes long to import."""

_built_in = frozenset(_factories.keys() | _bases.keys())
_declared: dict[str, EntryPoint] = {}


def register(name: str, factory: Factory) -> None:
    """Register a network under a name, so that configs can refer to it.

    Raises:
        ValueError: The name belongs to a built-in kind.
    """
    if name in _built_in:
        raise ValueError(f"name: {name!r} is the name of a network built in")
    _factories[name] = factory


def is_reference(text: str) -> bool:
    """Whether a text has the form ``package.module:factory``."""
    return bool(text.partition(":")[2] and EntryPoint.pattern.match(text))


def load_plugin(reference: str, name: str | None = None) -> None:
    """Import a factory, ``package.module:factory``, and register it, by default under its own name.

    Only for references that come from the operator, such as from a command line.

    Raises:
        ValueError: It cannot be imported or is not callable.
    """
    attribute = reference.partition(":")[2]
    if not is_reference(reference):
        raise ValueError(f"plugin: {reference!r} is not of the form package.module:factory")
    name = name or attribute
    register(name, _loaded(EntryPoint(name, reference, GROUP)))


def declare_plugin(declaration: str) -> None:
    """Declare a factory, ``name=package.module:factory``; it is imported on first use.

    Only for declarations that come from the operator, such as from a command line. If the factory
    cannot be imported, only the models that need it fail. Built-in names cannot be redefined.

    Raises:
        ValueError: The declaration has another form.
    """
    name, _, reference = declaration.partition("=")
    if not (name and ":" in reference and EntryPoint.pattern.match(reference)):
        raise ValueError(f"plugin: {declaration!r} is not of the form name=package.module:factory")
    _declared[name] = EntryPoint(name, reference, GROUP)


def kind_of(config: dict[str, Any], where: str = "network") -> type[VelocityNetwork]:
    """The network class that ``config["kind"]`` names; ``where`` is its place in error messages.

    Raises:
        ValueError: The kind is missing or unknown.
    """
    found = _find(config.get("kind"))
    if isinstance(found, type) and issubclass(found, VelocityNetwork):
        return found
    known = _names(kinds=True)
    raise ValueError(f"{where}.kind: {config.get('kind')!r} is unknown; choose from {known}")


def build(config: dict[str, Any]) -> VelocityNetwork:
    """Build a network from ``{"kind": NAME, **arguments}``.

    For kind ``frozen`` the arguments are those of :class:`FrozenVelocity`, with ``base`` (a name)
    and ``arguments`` (for the factory of that name) in place of ``network``. For kind ``staged``
    the ``denoiser`` is the config of a network, and ``decoder``, ``preview``, ``encoder`` and
    ``sample_encoder`` are arguments of :class:`Decoder` (two of them), :class:`TextEncoder` and
    :class:`SampleEncoder`, with ``base`` and ``arguments`` in place of ``module``. The shapes of
    what encoders give are those of the denoiser's condition and of its state; the scale and shift
    of samples' encoder are the decoder's.

    From then on this process keeps memory that it lets go of, see :mod:`sureflow.allocator`.

    Raises:
        ValueError: Kind or base are unknown, or the arguments do not fit.
    """
    keep_freed()
    kind = kind_of(config)
    arguments = {name: value for name, value in config.items() if name != "kind"}
    if kind is FrozenVelocity:
        base, given = arguments.pop("base", None), arguments.pop("arguments", {})
        arguments["network"] = make_base(base, given)
    if kind is Staged:
        arguments |= _stages(arguments)
    try:
        return kind(**arguments)
    except ValueError:
        raise
    except Exception as error:  # arguments of any type and size, for kinds of anybody
        raise ValueError(f"network: {str(error) or type(error).__name__}") from error


def _stages(written: dict[str, Any]) -> dict[str, Any]:
    """The networks of a staged one."""
    for name, config in written.items():
        if not isinstance(config, dict) and not (name != "denoiser" and config is None):
            raise ValueError(f"network.{name}: expected a table of names and values")
    inner = written.get("denoiser", {})
    if kind_of(inner, "network.denoiser") is Staged:
        raise ValueError("network.denoiser.kind: a network of stages is none itself")
    denoiser, stages = build(inner), dict[str, Any]()
    if config := written.get("decoder"):
        stages["decoder"] = _stage(Decoder, config, "network.decoder")
    if config := written.get("encoder"):
        shape = text_of(denoiser, config.get("condition", "text")).shape
        stages["encoder"] = _stage(TextEncoder, {"shape": shape, **config}, "network.encoder")
    if config := written.get("sample_encoder"):
        stages["sample_encoder"] = _sample_encoder(config, denoiser, stages.get("decoder"))
    if config := written.get("preview"):
        stages["preview"] = _stage(Decoder, config, "network.preview")
    return {"denoiser": denoiser, **stages}


def _sample_encoder(
    config: dict[str, Any], denoiser: VelocityNetwork, decoder: Decoder | None
) -> SampleEncoder:
    """The encoder of samples, which scales latents as the decoder does."""
    where = "network.sample_encoder"
    if own := config.keys() & {"scale", "shift"}:
        raise ValueError(f"{where}.{min(own)}: is that of the decoder; say it there")
    given = {} if decoder is None else {"scale": decoder.scale, "shift": decoder.shift}
    return _stage(SampleEncoder, {"shape": denoiser.shape, **config, **given}, where)


def _stage(kind: type[_Stage], config: dict[str, Any], where: str) -> _Stage:
    """A stage of a config, whose fields are named in errors as those of ``where``."""
    arguments = {name: value for name, value in config.items() if name not in ("base", "arguments")}
    module = make_base(config.get("base"), config.get("arguments", {}), where)
    try:
        return kind(module, **arguments)
    except ValueError as error:
        raise ValueError(f"{where}.{error}") from error
    except Exception as error:  # arguments of any type and size
        raise ValueError(f"{where}: {str(error) or type(error).__name__}") from error


def make_base(name: object, arguments: object, where: str = "network") -> nn.Module:
    """Make the module of a base by its name, with these arguments of its factory.

    Raises:
        ValueError: There is no such base, or its factory fails; begins with ``where``.
    """
    factory = _find(name)
    if factory is None or _is_kind(factory):
        known = ", ".join(_names(kinds=False)) or "none"
        raise ValueError(
            f"{where}.base: {name!r} is not installed; there are: {known}; if it is "
            "yours, say what it is by --plugin NAME=package.module:factory"
        )
    if not isinstance(arguments, dict):
        raise ValueError(f"{where}.arguments: expected a table of names and values")
    try:
        module = factory(**arguments)
    except (Exception, SystemExit) as error:
        raise ValueError(f"{where}.arguments: {name} failed: {_said(error)}") from error
    if not isinstance(module, nn.Module):
        made = type(module).__name__
        raise ValueError(f"{where}.base: {name!r} makes a {made}; expected a torch.nn.Module")
    return module


def _find(name: object) -> Factory | None:
    """The factory of a name, if any; entry points are imported on first use."""
    if not isinstance(name, str):
        return None
    if name not in _factories:
        declared = _bases.get(name) or _declared.get(name)
        for entry in [declared] if declared else entry_points(group=GROUP, name=name):
            _factories[name] = _loaded(entry)
    return _factories.get(name)


def _loaded(entry: EntryPoint) -> Factory:
    try:
        factory: Factory = entry.load()
    except Exception as error:
        raise ValueError(f"plugin: {entry.value!r} cannot be loaded: {_said(error)}") from error
    if not callable(factory):
        raise ValueError(f"plugin: {entry.value!r} is nothing that can be called")
    return factory


def _names(kinds: bool) -> list[str]:
    """Names of kinds, or of all others; entry points that were not imported yet count as both."""
    known = {name for name, factory in _factories.items() if _is_kind(factory) == kinds}
    waiting = {entry.name for entry in entry_points(group=GROUP)} | _declared.keys()
    waiting = waiting - _bases.keys() if kinds else waiting | _bases.keys()
    return sorted(known | (waiting - _factories.keys()))


def _is_kind(factory: Factory) -> bool:
    return isinstance(factory, type) and issubclass(factory, VelocityNetwork)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"
