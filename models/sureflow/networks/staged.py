"""Networks of several stages: encoders, a velocity of latents, and their decoder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor, nn

from sureflow.core.card import Condition
from sureflow.core.draw import Purpose, normal
from sureflow.moments import Moments
from sureflow.networks.decoder import Decoder
from sureflow.networks.network import VelocityNetwork
from sureflow.networks.sample_encoder import SampleEncoder
from sureflow.networks.text_encoder import TextEncoder


class Staged(VelocityNetwork):
    """A velocity network whose text is encoded before it, or whose latents are decoded after it.

    It answers as its ``denoiser`` does. Its stages are heads of their own, which lanes ask in
    phases of their own.

    Args:
        denoiser: The velocity of the latents.
        decoder: Maps latents to samples, if they are not samples already.
        encoder: Makes a condition of the denoiser from tokens.
        sample_encoder: Maps samples to latents, where there is a decoder.
        preview: A cheaper decoder, for what is only looked at.

    Raises:
        ValueError: There is neither a decoder nor an encoder, or one does not fit the denoiser or
            the decoder; the message begins with its name.
    """

    def __init__(
        self,
        denoiser: VelocityNetwork,
        decoder: Decoder | None = None,
        encoder: TextEncoder | None = None,
        sample_encoder: SampleEncoder | None = None,
        preview: Decoder | None = None,
    ) -> None:
        super().__init__(denoiser.shape, denoiser.classes, denoiser.floor)
        if decoder is None and encoder is None:
            raise ValueError("decoder: is missing, as is an encoder; there is a single stage")
        self.serve(denoiser.shapes)
        self.denoiser = denoiser
        self.decoder = decoder
        self.encoder = encoder
        self.sample_encoder = sample_encoder
        self.preview = preview
        for name in ("sample_encoder", "preview"):
            if getattr(self, name) is not None and decoder is None:
                raise ValueError(f"{name}: is for models with a decoder")
        self.probe_channels = denoiser.probe_channels
        self.null_label, self.variance_source = denoiser.null_label, denoiser.variance_source
        self.convention = denoiser.convention
        self.conditions = dict(denoiser.conditions)
        if encoder is not None:
            self.join(encoder)
        self.register_load_state_dict_post_hook(_join)  # type: ignore[no-untyped-call]
        tensors = (*self.parameters(), *self.buffers())
        if not any(z.is_meta for z in tensors):
            self.verify()
        self._check_shapes()

    def _check_shapes(self) -> None:
        """Check that the stages beside the decoder suit it."""
        decoder, preview, encoder = self.decoder, self.preview, self.sample_encoder
        if decoder is None:
            return
        if preview is not None and preview.shape != decoder.shape:
            shapes = f"{[*preview.shape]}, and samples of the decoder have {[*decoder.shape]}"
            raise ValueError(f"preview.shape: is {shapes}")
        if encoder is not None and {*self.shapes} & {*self.sample_shapes}:
            raise ValueError("sample_encoder.shape: is that of a sample; nothing tells them apart")

    def join(self, encoder: TextEncoder) -> None:
        """Let the encoder make conditions of the denoiser, by the tokenizers that it has now.

        Raises:
            ValueError: It does not fit the denoiser; the message begins with ``encoder``.
        """
        self._nulls: dict[str, Tensor] = {}
        name = encoder.condition
        condition = text_of(self.denoiser, name)
        if encoder.shape != condition.shape:
            fit = f"{[*encoder.shape]}, and the denoiser takes {[*condition.shape]}"
            raise ValueError(f"encoder.shape: is {fit}")
        self.conditions[name] = replace(condition, prompt=encoder.prompt)
        for other in encoder.others:
            if other not in self.denoiser.conditions:
                raise ValueError(f"encoder.others.{other!s:.60}: is no condition of the denoiser")
            made = replace(self.denoiser.conditions[other], made_of=name)
            self.conditions[other] = made

    def _noise(self, shape: tuple[int, ...]) -> Tensor:
        """A row of noise of a shape, to verify stages with."""
        return normal(shape, 0, 0, Purpose.START)[None].to(self.device)

    @torch.no_grad()
    def verify(self) -> None:
        """Evaluate a row of each stage.

        Raises:
            ValueError: One cannot be evaluated, or gives another shape than it should.
        """
        with _named("decoder"):
            pairs = [*zip(self.shapes, self.sample_shapes, strict=True)]
        for name, stage in (("decoder", self.decoder), ("preview", self.preview)):
            if stage is not None:
                with _named(name):
                    for number, (state, sample) in enumerate(pairs):
                        row = self._noise(state) / stage.scale + stage.shift
                        stage.verify(row, sample if number else None)
        if self.sample_encoder is not None:
            with _named("sample_encoder"):
                for number, (state, sample) in enumerate(pairs):
                    self.sample_encoder.verify(self._noise(sample), state if number else None)
        if self.encoder is not None:
            with _named("encoder"):
                tokens = torch.zeros(1, self.encoder.prompt.tokens, dtype=torch.long)
                self.encoder.verify(tokens.to(self.device))
                self.encoder.verify_others(tokens.to(self.device), self.conditions)

    @property
    def noise(self) -> nn.ModuleDict:  # type: ignore[override]
        """The noise layers of the denoiser."""
        return self.denoiser.noise

    @property
    def sample_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes of the samples, which are as many times larger than their latents as the first.

        Raises:
            ValueError: That is no whole number of times.
        """
        if self.decoder is None:
            return self.shapes
        return tuple(self.decoder.shape_of(state, self.shape) for state in self.shapes)

    @property
    def stages(self) -> tuple[str, ...]:
        """Names of the stages besides the denoiser."""
        names = ("encoder", "sample_encoder", "decoder", "preview")
        return tuple(name for name in names if getattr(self, name) is not None)

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, **given: Tensor) -> Moments:
        """Evaluate the denoiser; see :class:`~sureflow.networks.network.VelocityNetwork`."""
        return self.denoiser.run(x, t, label, noisy, **given)

    def null_of(self, name: str) -> Tensor:
        """As the encoder makes it of the text that stands for "not given", if there is one."""
        encoder = self.encoder
        null = None if encoder is None else encoder.prompt.null
        if encoder is None or null is None or name not in (encoder.condition, *encoder.others):
            return super().null_of(name)
        if not self._nulls:
            with torch.inference_mode(False), torch.no_grad():
                rows = encoder(torch.tensor([null], device=self.device))
            self._nulls = {name: z[0] for name, z in rows.items()}
        return self._nulls[name]

    def raw(self, x: Tensor, told: Tensor, label: Tensor, **given: Tensor) -> Tensor:
        """What the denoiser says, before it is converted."""
        return self.denoiser.raw(x, told, label, **given)

    def noise_parameters(self) -> list[nn.Parameter]:
        """Those of the denoiser."""
        return self.denoiser.noise_parameters()

    def velocity_parameters(self) -> list[nn.Parameter]:
        """Those of the denoiser; its other stages are frozen."""
        return self.denoiser.velocity_parameters()


def _join(network: Staged, keys: object) -> None:
    if network.encoder is not None:
        network.join(network.encoder)


def text_of(denoiser: VelocityNetwork, name: str) -> Condition:
    """The condition of a denoiser that an encoder makes.

    Raises:
        ValueError: It has no text of this name.
    """
    condition = denoiser.conditions.get(name)
    if condition is None or condition.kind != "text":
        texts = [name for name, each in denoiser.conditions.items() if each.kind == "text"]
        there = ", ".join(texts) or "none"
        raise ValueError(f"encoder.condition: {name!r:.60} is no text of the denoiser: {there}")
    return condition


@contextmanager
def _named(stage: str) -> Iterator[None]:
    """Begin the messages of errors with the name of a stage."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{stage}.{error}") from error
