# `make help` lists what there is. Variables: PYTHON, TORCH_PYTHON, CONFORMANCE, DATA, PYTEST, FUZZ_SECONDS.
PYTHON ?= python3
# The folder of the array API standard's test suite (see `make conformance`).
CONFORMANCE ?= ../shared/conformance
# Fashion-MNIST's idx files (Debian's package dataset-fashion-mnist).
DATA ?= /usr/share/datasets/fashion-mnist
# Any Python with PyTorch in it; by default one of our own, made on demand.
TORCH_PYTHON ?= .venv-torch/bin/python
FUZZ_SECONDS ?= 600
PYTEST ?=

VENV := .venv/bin
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.PHONY: help demo wheel build test lint test-rust test-python bench parity fixtures conformance examples fuzz stubs tools clean
.DEFAULT_GOAL := help

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

tools:
	@PYTHON=$(PYTHON) sh scripts/check_tools.sh

# Environments. The stamp files are newer than what they were made from.

.venv/made: pyproject.toml | tools
	@test -x $(VENV)/python || $(PYTHON) -m venv .venv
	$(VENV)/python -m pip install --quiet --disable-pip-version-check \
	    "maturin>=1.8,<2" "matplotlib>=3.8" "tqdm>=4.66"
	touch $@

.venv/made-dev: .venv/made
	@$(VENV)/python -m pip install --quiet --disable-pip-version-check $$($(VENV)/python scripts/extras.py test lint conformance)
	touch $@

.venv-torch/bin/python:
	@$(PYTHON) -m venv .venv-torch
	.venv-torch/bin/python -m pip install --quiet --disable-pip-version-check torch numpy

# The package.

wheel: .venv/made ## build the release wheel into dist/ and install it into .venv
	@rm -f dist/tenfold-*.whl
	env -u CONDA_PREFIX $(VENV)/maturin build --release --strip --out dist --interpreter $(VENV)/python
	$(VENV)/python -m pip install --quiet --disable-pip-version-check --force-reinstall --no-deps dist/tenfold-*.whl

build: .venv/made-dev ## build the extension module without link-time optimisation and install it editable
	@env -u CONDA_PREFIX VIRTUAL_ENV=$(CURDIR)/.venv $(VENV)/maturin develop --profile fast --skip-install=false

demo: wheel ## train a small CNN on handwritten digits
	@$(VENV)/python examples/digits_cnn.py

# Tests.

test: test-rust build lint test-python ## everything that must pass before a commit lands

test-rust: tools
	@sh scripts/check_tools.sh nextest rustfmt clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo nextest run --workspace --no-tests=warn

lint: build
	@$(VENV)/ruff check python tests examples benchmarks scripts
	$(VENV)/ruff format --check python tests examples benchmarks scripts
	$(VENV)/mypy
	cargo run --quiet -p xtask -- check

test-python: build
	@$(VENV)/python -m pytest -n auto $(PYTEST)

parity: build $(TORCH_PYTHON) ## compare layers, losses and optimizers with PyTorch on newly drawn cases
	@seed=$${SEED:-$$RANDOM}
	recorded=$$(mktemp -d)
	trap 'rm -rf "$$recorded"' EXIT
	echo "parity with seed $$seed (again: make parity SEED=$$seed)"
	PYTHONPATH=tests $(TORCH_PYTHON) scripts/record_fixtures.py --seed $$seed --out "$$recorded"
	$(VENV)/python -m pytest tests/parity --fixtures "$$recorded" $(PYTEST)

fixtures: $(TORCH_PYTHON) ## record tests/fixtures again from PyTorch
	@PYTHONPATH=tests $(TORCH_PYTHON) scripts/record_fixtures.py --seed 0 --out tests/fixtures

conformance: build ## the array API standard's test suite; CONFORMANCE=DIR says where it is
	@if ! test -f $(CONFORMANCE)/array_api_check.py; then
	    echo "no array_api_check.py in $(CONFORMANCE): give its folder, make conformance CONFORMANCE=DIR" >&2
	    exit 1
	fi
	$(VENV)/python scripts/conformance.py --suite $(CONFORMANCE)

fuzz: build ## random programs and kernels for FUZZ_SECONDS seconds
	@PROPTEST_CASES=100000 timeout --preserve-status $$(( $(FUZZ_SECONDS) / 2 )) cargo nextest run --workspace --release || exit $$?
	TENFOLD_HYPOTHESIS_PROFILE=fuzz $(VENV)/python -m pytest -n auto $(PYTEST)

# What a reader tries.

examples: build ## run the examples; Fashion-MNIST only if its files are there
	@$(VENV)/python examples/digits_cnn.py
	(cd rust/engine && cargo run --release --quiet --example digits)
	if test -f $(DATA)/train-images-idx3-ubyte.gz -o -f $(DATA)/train-images-idx3-ubyte; then
	    $(VENV)/python examples/fashion_mnist.py --data $(DATA)
	else
	    echo "no Fashion-MNIST in $(DATA): apt-get install dataset-fashion-mnist, or make examples DATA=DIR"
	fi

bench: wheel $(TORCH_PYTHON) ## ratios to PyTorch, measured in turns
	@$(VENV)/python benchmarks/run.py --torch-python $(TORCH_PYTHON) $(BENCH)

stubs: ## write the generated stub and documentation pages
	@cargo run --quiet -p xtask -- generate

clean:
	@rm -rf .venv .venv-torch dist runs && cargo clean
