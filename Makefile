# On Windows, the same two jobs: see README.md.
PYTHON ?= python3
# On Linux, PyPI's PyTorch brings gigabytes for GPUs. For the small CPU build:
#   make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
VENV := .venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest -p no:cacheprovider

.PHONY: demo test test-slow oracles lint

demo: $(VENV)/demo.stamp
	$(BIN)/krolik demo -o krolik-demo

test: $(VENV)/dev.stamp lint
	$(PYTEST) -m "not slow and not alone and not browser" -n auto --maxprocesses 4
	$(PYTEST) -m "browser and not slow" -n 2 --dist worksteal
	$(PYTEST) -m "alone and not slow"

test-slow: $(VENV)/dev.stamp oracles
	$(BIN)/python -m pytest -m slow

# The programs that read what Krolik writes, each with what it needs: about 3 GB.
oracles: .oracles/formats.stamp .oracles/deeplabcut.stamp

.oracles/formats.stamp: tests/oracles/formats.txt
	$(PYTHON) -m venv .oracles/formats
	.oracles/formats/bin/python -m pip install --quiet -r tests/oracles/formats.txt
	touch $@

.oracles/deeplabcut.stamp: tests/oracles/deeplabcut.txt
	$(PYTHON) -m venv .oracles/deeplabcut
	.oracles/deeplabcut/bin/python -m pip install --quiet -r tests/oracles/deeplabcut.txt
	touch $@

lint: $(VENV)/dev.stamp web/node_modules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/npm --prefix web run --silent check

WEB := $(shell find web -path web/node_modules -prune -o -type f -print 2>/dev/null)

$(VENV)/demo.stamp: pyproject.toml hatch_build.py constraints.txt $(WEB)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch==$(shell sed -n 's/^torch==//p' constraints.txt)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/dev.stamp: $(VENV)/demo.stamp
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

web/node_modules: web/package-lock.json
	$(BIN)/npm --prefix web ci --silent --no-audit --no-fund --ignore-scripts
	touch $@
