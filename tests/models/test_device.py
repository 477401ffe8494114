"""The sentence that a device which cannot be used gets, where this build has none and where it has.

What torch would say on machines with other builds, drivers and GPUs is put in its mouth.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest
import torch

import sureflow
from sureflow.device import DeviceError, check_name, usable

CPU_ONLY = pytest.mark.skipif(torch.backends.cuda.is_built(), reason="needs a build for CPUs")


def refusal(device: str) -> str:
    """What is said of a device, checked to be one sentence with a remedy."""
    with pytest.raises(DeviceError) as caught:
        usable(device)
    said = str(caught.value)
    assert said.startswith("device: ")
    assert "\n" not in said
    assert not said.endswith(".")
    return said


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A build for CUDA, on a machine with two GPUs."""
    monkeypatch.setattr(torch, "__version__", "2.13.0+cu130")
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(torch.backends.cuda, "is_built", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    return monkeypatch


@pytest.mark.parametrize(
    "name", ["gpu", "cdua", "", "CPU", "cuda:", "cuda:-1", "meta", "mps", "cpu\n"]
)
def test_unknown_names_are_refused_without_torch(name: str) -> None:
    with pytest.raises(DeviceError, match=r"is unknown; choose cpu, cuda, or cuda:1"):
        check_name(name)
    assert "choose cpu, cuda" in refusal(name)


def test_a_cpu_is_usable() -> None:
    assert usable("cpu") == usable(torch.device("cpu")) == torch.device("cpu")


@CPU_ONLY
@pytest.mark.parametrize("name", ["cuda", "cuda:3"])
def test_a_build_for_cpus_says_by_what_to_replace_it(name: str) -> None:
    version = torch.__version__
    said = refusal(name)
    assert f"{name} needs torch for GPUs, and torch {version} is built for CPUs; replace" in said
    assert f"by a build of {version.partition('+')[0]} for CUDA (docs/gpu.md), or choose" in said
    with pytest.raises(DeviceError, match=re.escape(said)):
        sureflow.load("ring", name)


def test_a_machine_without_a_driver(built: pytest.MonkeyPatch) -> None:
    built.setattr(torch.cuda, "is_available", lambda: False)
    said = refusal("cuda")
    assert "a driver that torch 2.13.0+cu130 (CUDA 13.0) can use, and there is none; see" in said
    assert "nvidia-smi" in said


def test_a_driver_that_is_too_old_is_quoted_once(built: pytest.MonkeyPatch) -> None:
    def warned() -> bool:
        old = "The NVIDIA driver on your system is too old (found version 11040). Renew it.\nMore"
        warnings.warn(old, UserWarning, stacklevel=1)
        return False

    built.setattr(torch.cuda, "is_available", warned)
    assert refusal("cuda").count("too old (found version 11040)") == 1


def test_a_driver_that_fails_is_quoted(built: pytest.MonkeyPatch) -> None:
    def fails() -> bool:
        raise RuntimeError("CUDA unknown error - this may be due to an incorrect environment")

    built.setattr(torch.cuda, "is_available", fails)
    assert "(CUDA unknown error" in refusal("cuda")


@pytest.mark.parametrize(("count", "there"), [(1, "has cuda:0"), (2, "has cuda:0 to cuda:1")])
def test_a_number_that_no_gpu_has(built: pytest.MonkeyPatch, count: int, there: str) -> None:
    built.setattr(torch.cuda, "device_count", lambda: count)
    assert f"there is no cuda:7: this machine {there}" in refusal("cuda:7")


def test_a_gpu_that_this_build_has_no_kernels_for(built: pytest.MonkeyPatch) -> None:
    def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError(
            "CUDA error: no kernel image is available for execution on the device\nx"
        )

    built.setattr(torch, "ones", fails)
    built.setattr(torch.cuda, "get_device_capability", lambda _: (3, 5))
    built.setattr(torch.cuda, "get_device_name", lambda _: "Tesla K40")
    built.setattr(torch.cuda, "get_arch_list", lambda: ["sm_75", "sm_90"])
    said = refusal("cuda:1")
    assert "cuda:1, Tesla K40 (sm_35), does not run torch 2.13.0+cu130 (CUDA 13.0)" in said
    assert "a build for sm_75 sm_90 (CUDA error: no kernel image is available" in said


def test_a_gpu_that_computes(built: pytest.MonkeyPatch) -> None:
    built.setattr(torch, "ones", lambda *_, device: torch.zeros(1) + 1)
    assert usable("cuda:1") == torch.device("cuda:1")
