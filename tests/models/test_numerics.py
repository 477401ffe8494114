"""The choice of kernels, in processes that have not imported torch yet."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from sureflow import numerics

KERNELS = ("SUREFLOW_PORTABLE", *numerics.PORTABLE)


def python(
    code: str,
    *,
    warnings: str = "error",
    interpreter: tuple[str, ...] = (sys.executable,),
    **environment: str,
) -> Any:
    """What a fresh process prints, as JSON; nobody has chosen kernels for it."""
    inherited = {name: value for name, value in os.environ.items() if name not in KERNELS}
    done = subprocess.run(
        [*interpreter, "-W", warnings, "-c", f"import json\n{code}"],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


Ask = Callable[..., Any]
"""Code and environment to what it prints, as JSON."""

FORKS = """
import json, os, sys
for name in sys.argv[1:]:
    __import__(name)
for line in sys.stdin:
    code, environment = json.loads(line)
    child = os.fork()
    if child == 0:
        os.environ.update(environment)
        exec(code, {"__name__": "__main__", "json": json})
        sys.stdout.flush()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""
"""Imports what takes long and computes nothing, and answers every question in a fork."""


@contextmanager
def forks(*imports: str, **environment: str) -> Iterator[Ask]:
    """Like :func:`python`, in processes that have imported some modules before all else."""
    inherited = {name: value for name, value in os.environ.items() if name not in KERNELS}
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", FORKS, *imports],
        env={**inherited, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        questions, answers = process.stdin, process.stdout
        assert questions is not None
        assert answers is not None

        def ask(code: str, **chosen: str) -> Any:
            print(json.dumps([code, chosen]), file=questions, flush=True)
            answer = answers.readline()
            assert answer, "it ended; see its errors"
            return json.loads(answer)

        yield ask
        questions.close()


@pytest.fixture(scope="module")
def after_torch() -> Iterator[Ask]:
    """Asks in a process of its own in which torch is imported, and has computed nothing yet."""
    with forks("torch") as ask:
        yield ask


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
    told = python(DESCRIBE, SUREFLOW_PORTABLE="1", MKL_CBWR="AVX512,STRICT")
    assert (told["portable"], told["instructions"]) == (True, "AVX2")
    assert told["mode"] in ("COMPATIBLE", "")


WARNED = """
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    from sureflow.numerics import describe
    told = describe(), describe()
print(json.dumps([told[1], [str(each.message) for each in caught]]))
"""


def test_torch_may_be_imported_before_the_library(after_torch: Ask) -> None:
    """It asks for its kernels when it first computes, and not before."""
    told, warned = after_torch(f"import torch, warnings, sureflow{WARNED}")
    assert warned == []
    assert told["mode"] in ("AUTO,STRICT", "")


needs_mkl = pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="no MKL here")


@needs_mkl
@pytest.mark.parametrize("environment", [{}, {"SUREFLOW_PORTABLE": "1"}])
def test_what_was_computed_before_is_told_of_once(
    after_torch: Ask, environment: dict[str, str]
) -> None:
    first = "import torch, warnings\ntorch.ones(64, 64) @ torch.ones(64, 64)"
    told, warned = after_torch(f"{first}{WARNED}", **environment)
    assert (told["mode"], told["portable"]) == ("OFF", False)
    (message,) = warned
    assert message.startswith("MKL")
    assert "import sureflow before anything that computes" in message


@needs_mkl
def test_what_was_computed_on_kernels_that_repeat_themselves_is_well(
    after_torch: Ask,
) -> None:
    first = "import torch, warnings\ntorch.ones(64, 64) @ torch.ones(64, 64)"
    assert after_torch(f"{first}{WARNED}", MKL_CBWR="AUTO,STRICT")[1] == []


def test_a_model_is_not_called_portable_where_it_is_not(after_torch: Ask) -> None:
    code = """
import warnings, numpy, torch
torch.ones(64, 64) @ torch.ones(64, 64)
warnings.simplefilter("ignore")
import sureflow
print(json.dumps(sureflow.load("ring").card.version))
"""
    if torch.backends.mkl.is_available():
        assert "portable" not in after_torch(code, SUREFLOW_PORTABLE="1")
    assert python(code, **numerics.PORTABLE, SUREFLOW_PORTABLE="1").endswith("+portable")


SAMPLES = """
import hashlib, sureflow
from sureflow.sampling import blocks, evaluator
from sureflow.sampling.sample import run
from sureflow.families.flow.spec import FlowSpec
blocks.TIMED_S, evaluator.ROW_COUNTS, found = 0.0, (1, 2, 4), {}
for name, scores in (("ring", ("divergence", "residual")), ("digits", ("adherence_contrast",))):
    model = sureflow.load(name)
    label = 3 if model.card.classes else None
    specs = [FlowSpec(1, i, "bosh3", label=label, tolerance=0.1, scores=scores) for i in range(2)]
    made = run(model, specs)
    found[name] = [
        hashlib.sha256(one.data.tobytes() + repr(one.scores).encode()).hexdigest() for one in made
    ]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def portable() -> Any:
    """Samples and scores of two models on portable kernels, adaptive steps included."""
    return python(SAMPLES, SUREFLOW_PORTABLE="1")


OTHER_VENDOR = """
#include <stdlib.h>
int mkl_serv_intel_cpu(void) { return atoi(getenv("GENUINE")); }  /* ends it if asked too early */
int mkl_serv_intel_cpu_true(void) { return mkl_serv_intel_cpu(); }
"""


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A library that makes MKL take this processor for one of its maker's, or of another."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no compiler")
    folder = tmp_path_factory.mktemp("vendor")
    source, shim = folder / "vendor.c", folder / "vendor.so"
    source.write_text(OTHER_VENDOR)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", shim, source], check=True)
    return str(shim)


@pytest.mark.parametrize("genuine", [0, 1])
def test_portable_bits_do_not_depend_on_the_vendor(
    portable: Any, vendor: str, genuine: int
) -> None:
    # Numpy and torch choose kernels of their own as soon as they are imported, MKL does not.
    environment = {**numerics.PORTABLE, "SUREFLOW_PORTABLE": "1", "LD_PRELOAD": vendor}
    with forks("sureflow.sampling.sample", **environment) as ask:
        assert portable == ask(SAMPLES, GENUINE=str(genuine))


SIZES = """
import sureflow
from sureflow.folders import embedded_folder
from sureflow.sampling import blocks, evaluator
blocks.TIMED_S, evaluator.ROW_COUNTS = 0.0, (1, 2, 4, 16)
models = {path.name: sureflow.load(path.name) for path in embedded_folder().iterdir()}
print(json.dumps({name: evaluator.main_head(model).sizes for name, model in models.items()}))
"""


DENSITIES = ("breast-cancer", "funnel", "many-well", "mixture-40")


@needs_mkl
@pytest.mark.parametrize("genuine", [0, 1])
def test_small_blocks_repeat_their_bits_whatever_the_vendor(vendor: str, genuine: int) -> None:
    """A lone sample need not be evaluated among rows that nobody asked for."""
    found = python(SIZES, LD_PRELOAD=vendor, GENUINE=str(genuine))
    assert found
    for name, sizes in found.items():
        # Densities of float64 are products of odd sizes, which add up otherwise for four rows.
        few = {1, 2} if name in DENSITIES else {1, 2, 4}
        assert few <= set(sizes), f"{name}: {sizes}"


@pytest.mark.slow
@pytest.mark.parametrize("processor", ["Haswell", "Skylake-Client", "EPYC-Rome"])
def test_portable_bits_are_those_of_emulated_processors(portable: Any, processor: str) -> None:
    """An emulator has no AVX512; it rounds as IEEE 754 has it, and says what caches there are."""
    emulator = shutil.which("qemu-x86_64")
    if emulator is None:
        pytest.skip("there is no qemu-x86_64, of the package qemu-user")
    interpreter = (emulator, "-cpu", processor, sys.executable)
    assert portable == python(SAMPLES, interpreter=interpreter, SUREFLOW_PORTABLE="1")
