"""The choice of kernels, in processes that have not imported torch yet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from sureflow import numerics

KERNELS = ("SUREFLOW_PORTABLE", *numerics.PORTABLE)


def python(code: str, *, warnings: str = "error", **environment: str) -> Any:
    """What a fresh process prints, as JSON; nobody has chosen kernels for it."""
    inherited = {name: value for name, value in os.environ.items() if name not in KERNELS}
    done = subprocess.run(
        [sys.executable, "-W", warnings, "-c", f"import json\n{code}"],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


DESCRIBE = "from sureflow.numerics import describe\nprint(json.dumps(describe()))"


def test_importing_the_library_chooses_kernels_that_repeat_themselves() -> None:
    code = """
import sureflow, os, sys
print(json.dumps([os.environ["MKL_CBWR"], "torch" in sys.modules]))
"""
    assert python(code) == ["AUTO,STRICT", False]


def test_what_the_operator_has_set_is_left() -> None:
    code = "import sureflow, os\nprint(json.dumps(os.environ['MKL_CBWR']))"
    assert python(code, MKL_CBWR="COMPATIBLE") == "COMPATIBLE"


def test_children_run_on_the_same_kernels() -> None:
    code = """
from sureflow.numerics import decide
decide(portable=True)
import subprocess, sys
print(subprocess.check_output([sys.executable, "-c", '''%s'''], text=True))
"""
    told = python(code % f"import json\n{DESCRIBE}")
    assert told["portable"]
    assert told["instructions"] == "AVX2"


def test_portable_overrides_all_else() -> None:
    told = python(DESCRIBE, SUREFLOW_PORTABLE="1", MKL_CBWR="COMPATIBLE")
    assert (told["portable"], told["instructions"]) == (True, "AVX2")
    assert told["mode"] in ("AVX2,STRICT", "")


def test_torch_before_the_library_is_told_of_once() -> None:
    code = """
import torch, sureflow, warnings
from sureflow.numerics import describe
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    describe(), describe()
print(json.dumps([str(each.message) for each in caught]))
"""
    told = python(code)
    if python("import torch\nprint(json.dumps(torch.backends.mkl.is_available()))"):
        (message,) = told
        assert "import sureflow first" in message
    assert python(code, MKL_CBWR="AUTO,STRICT") == []


@pytest.mark.parametrize("name", ["ring", "digits"])
def test_portable_bits_are_those_of_any_machine_with_avx2(name: str) -> None:
    """On one machine this can be seen only in part: whatever wider kernels there are, the bits
    are those that come out when torch, oneDNN and MKL are held to AVX2 by hand."""
    code = f"""
from sureflow.checkpoint import load
from sureflow.sampling.fingerprint import numerics_of
print(json.dumps(numerics_of(load({name!r}))["fingerprint"]))
"""
    asked = python(code, SUREFLOW_PORTABLE="1")
    assert asked == python(code, **numerics.PORTABLE)
