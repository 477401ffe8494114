"""Velocity networks, which predict a velocity and its variance."""

from sureflow.networks.analytic import GaussianMixture
from sureflow.networks.classifier import Classifier
from sureflow.networks.decoder import Decoder
from sureflow.networks.dit import DiT
from sureflow.networks.frozen import FrozenVelocity
from sureflow.networks.laplace import Laplace
from sureflow.networks.mlp import MLP
from sureflow.networks.network import NetworkOutput, VelocityNetwork
from sureflow.networks.precision import Bfloat16
from sureflow.networks.probe import Probe
from sureflow.networks.registry import build, declare_plugin, kind_of, load_plugin, register
from sureflow.networks.sample_encoder import SampleEncoder
from sureflow.networks.staged import Staged
from sureflow.networks.text_encoder import TextEncoder
from sureflow.networks.unet import UNet

__all__ = [
    "MLP",
    "Bfloat16",
    "Classifier",
    "Decoder",
    "DiT",
    "FrozenVelocity",
    "GaussianMixture",
    "Laplace",
    "NetworkOutput",
    "Probe",
    "SampleEncoder",
    "Staged",
    "TextEncoder",
    "UNet",
    "VelocityNetwork",
    "build",
    "declare_plugin",
    "kind_of",
    "load_plugin",
    "register",
]
