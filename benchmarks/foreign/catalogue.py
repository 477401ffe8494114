"""The models of the table."""

from __future__ import annotations

from benchmarks.foreign.cfm import ConditionalFlow
from benchmarks.foreign.conditioned_unet import ConditionedUNet
from benchmarks.foreign.continuous_flow import ContinuousFlow
from benchmarks.foreign.denoising import Denoising
from benchmarks.foreign.dit import DiT
from benchmarks.foreign.edm import EDM
from benchmarks.foreign.flow_matching_net import FlowMatching
from benchmarks.foreign.flow_transformers import SD3, Flux
from benchmarks.foreign.latents import Latents
from benchmarks.foreign.peer import Peer
from benchmarks.foreign.posterior import Posterior
from benchmarks.foreign.programs import Exported, Onnx
from benchmarks.foreign.prompted import Prompted
from benchmarks.foreign.rectified import Rectified
from benchmarks.foreign.unet import DataUNet, NoiseUNet, VelocityUNet

KINDS: tuple[type[Peer], ...] = (
    *(NoiseUNet, VelocityUNet, DataUNet, EDM, ConditionedUNet, DiT, SD3, Flux, Latents),
    Prompted,
    *(ConditionalFlow, Denoising, Rectified, FlowMatching, ContinuousFlow, Posterior),
    *(Exported, Onnx),
)
PEERS: dict[str, Peer] = {kind.name: kind() for kind in KINDS}
"""By name."""
