"""Networks that compute in half precision, and return float32."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sureflow.moments import Moments
from sureflow.networks.foreign.held_program import other_runtime
from sureflow.networks.network import NetworkOutput, VelocityNetwork

CONVERTED = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d)


class Bfloat16(VelocityNetwork):
    """A trained network whose matrix products and convolutions run in bfloat16.

    Their weights are kept in bfloat16, but for those of an exported program, which are constants of
    its own; autocast converts what flows into them, as in training at this precision. Norms
    keep float32 weights and statistics. The noise layers, the rules of the variance, and everything
    outside the network stay in float32, and so does the time that a foreign network is told:
    bfloat16 has no 999.

    Args:
        network: In evaluation mode; its weights are converted in place.

    Raises:
        ValueError: It computes in float64, which autocast does not convert, or outside of torch, or
            its own code does not go with weights in bfloat16; the message begins with
            ``precision``.
    """

    def __init__(self, network: VelocityNetwork) -> None:
        if any(parameter.dtype == torch.float64 for parameter in network.parameters()):
            raise ValueError("precision: a network of float64 cannot be run in bfloat16")
        if runtime := other_runtime(network):
            raise ValueError(
                f"precision: {runtime} computes in the types of the file; convert that, or serve "
                "it in float32"
            )
        super().__init__(network.shape, network.classes, network.floor)
        self.serve(network.shapes)
        self.network = network
        self.probe_channels, self.probe = network.probe_channels, network.probe
        self.foresight, self.classifier = network.foresight, network.classifier
        self.laplace, self.scorers = network.laplace, network.scorers
        self.conditions = network.conditions
        self.null_label, self.variance_source = network.null_label, network.variance_source
        self.convention = network.convention
        self.noise = network.noise
        # What reads an evaluation reads it in float32.
        exact = {*self.noise.modules(), *(self.classifier.modules() if self.classifier else ())}
        for layer in network.modules():
            if isinstance(layer, CONVERTED) and layer not in exact:
                layer.to(torch.bfloat16)
        self._try()

    @torch.no_grad()
    def _try(self) -> None:
        """Evaluate two rows, as a foreign network may have its own mind about types."""
        x = torch.zeros(2, *self.shape, device=self.device)
        try:
            self(x, torch.tensor([0.25, 0.75], device=self.device))
        except Exception as error:  # a third-party network may raise anything
            said = f"{type(error).__name__}: {error}"
            raise ValueError(f"precision: cannot be run in bfloat16: {said}") from error

    def run(self, x: Tensor, t: Tensor, label: Tensor, noisy: bool, **given: Tensor) -> Moments:
        """Evaluate; see :class:`~sureflow.networks.network.VelocityNetwork`."""
        with torch.autocast(x.device.type, torch.bfloat16, cache_enabled=False):
            out = self.network.run(x, t, label, noisy, **given)
        hidden = out.hidden if isinstance(out, NetworkOutput) else None
        return NetworkOutput(out.mean.float(), out.variance, hidden)
