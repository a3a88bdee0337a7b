# One make target per job; each does its own set-up, in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
TORCH ?= torch==2.13.0
CORE_SOURCES := $(wildcard firmware/core/*.[ch] firmware/host/*.[ch] firmware_model/nt_model/core_build.py)

.PHONY: help demo test test-slow check tools firmware fuzz generate bench docs clean
help:
	@echo "make demo       adapt a drifted digit task on a simulated chip, end to end"
	@echo "make test       set up and run the fast tests, linters and type checks"
	@echo "make firmware   build the firmware for both boards and the native chip"
	@echo "make fuzz       five minutes of each fuzzer (SECONDS=300)"
	@echo "make test-slow  the tests that take minutes"
	@echo "make bench      what the loop sends over a 921,600 baud line (docs/performance.md)"
	@echo "make bench-loop adapting the electronic nose: CPU time, and Python's share of it (docs/performance.md)"
	@echo "make bench-calibration  100 chips at every corner against their silicon (hours of one core; resumable)"
	@echo "make bench-host the simulator's kernels beside torch and the machine's limits (docs/performance.md)"
	@echo "make docs       regenerate the generated parts of docs/"
	@echo "make clean      remove the virtual environment and build products"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "error: Python 3.10 or newer is needed; try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 3; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "error: Python lacks venv; try: apt-get install python3-venv" >&2; exit 3; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: $(BIN)/python pyproject.toml setup.py $(CORE_SOURCES)
	@command -v cc >/dev/null || { echo "error: no C compiler; try: apt-get install gcc" >&2; exit 3; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

# Torch is for pre-training alone: CI always has it, elsewhere its tests are skipped until `make torch`. snnTorch, a peer of
# the benchmark, comes in the same call, or pip might replace the torch that was asked for.
$(VENV)/.installed-torch: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check '$(TORCH)' 'snntorch>=0.9'
	@touch $@

.PHONY: torch
torch: $(VENV)/.installed-torch

# Cross compiler, emulator, C++, fuzzer, ngspice: installed where this user may, else told; tests that need them skip.
TOOL_PACKAGES := gcc-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm g++ clang libclang-rt-14-dev ngspice \
  gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
tools:
	@if command -v aarch64-linux-gnu-gcc >/dev/null && command -v qemu-aarch64 >/dev/null && \
	  command -v arm-none-eabi-gcc >/dev/null && command -v qemu-system-arm >/dev/null && command -v g++ >/dev/null && \
	  command -v ngspice >/dev/null && \
	  ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
	    $(TOOL_PACKAGES) >/dev/null; \
	else echo "note: for the firmware and circuit tests: sudo apt-get install --no-install-recommends $(TOOL_PACKAGES)" >&2; fi

firmware: $(VENV)/.installed
	$(MAKE) -C firmware PYTHON=../$(BIN)/python DOCS=../docs/firmware.md

SECONDS ?= 300
fuzz: $(VENV)/.installed
	$(MAKE) -C firmware/fuzz run SECONDS=$(SECONDS) PYTHON=../../$(BIN)/python

TEST_NEEDS := tools $(VENV)/.installed-dev $(if $(CI),$(VENV)/.installed-torch)

# The NEON kernels alone, by cross compiler and user-mode emulator; `make test` runs them too.
.PHONY: neon
neon: tools $(VENV)/.installed-dev
	$(BIN)/python -m pytest -m neon tests/core

demo: $(VENV)/.installed
	$(BIN)/nt-host demo

# Without torch its classes have no types: mypy then lets modules inherit from them, and says nothing of ignores that only
# torch's types need.
check: $(VENV)/.installed-dev $(if $(CI),$(VENV)/.installed-torch)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@if $(BIN)/python -c 'import torch' 2>/dev/null; then set -x; $(BIN)/mypy; \
	else echo "note: PyTorch is not installed, so modules that use it are checked less strictly; try: make torch"; \
	  set -x; $(BIN)/mypy --allow-subclassing-any --no-warn-unused-ignores; fi
	$(BIN)/python -m nt_hil.generate --check

# One process more than two cores, since tests also wait for boards and clocks. A file of tests stays in one process, with
# what its fixtures built; tests/longest_first.py has the order.
PROCESSES ?= 3
PYTEST := $(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder

test: $(TEST_NEEDS) check
	$(PYTEST) -m "not slow"

test-slow: $(TEST_NEEDS)
	$(PYTEST) -m slow --timeout=3600

generate: $(VENV)/.installed
	$(BIN)/python -m nt_hil.generate

# Folder with the images of `nt-host experiment enose` and `emg`; with NT_DATA_DIR they join the digits.
IMAGES ?=
bench: $(VENV)/.installed
	$(BIN)/python -m bench.wire $(IMAGES)
.PHONY: bench-loop
bench-loop: $(VENV)/.installed
	$(BIN)/python -m bench.whole_loop $(or $(IMAGES),runs/enose)

.PHONY: bench-calibration
bench-calibration: $(VENV)/.installed
	$(BIN)/python -m bench.calibration --out runs/calibration
.PHONY: bench-host
bench-host: $(VENV)/.installed
	$(BIN)/nt-host bench --json --rounds 21 > docs/results/bench.jsonl.new
	mv docs/results/bench.jsonl.new docs/results/bench.jsonl
	$(BIN)/python -m bench.kernels docs/results/bench.jsonl
	$(BIN)/python -m bench.scaling docs/img/scaling.png

docs: generate
	$(BIN)/nt-host report docs/results/*.json --out docs/results.md
	$(BIN)/nt-host report docs/paper/circuit.json docs/paper/power.json docs/paper/xor.json --out docs/circuit.md
	$(BIN)/nt-host report docs/systems/*.json --out docs/systems.md
	$(BIN)/nt-host report docs/domains/domains.json --out docs/domains.md
	$(BIN)/nt-host report docs/library/library.json --out docs/library.md
	$(BIN)/nt-host report docs/results/chips/*.json --into docs/calibration.md
	$(BIN)/nt-host report docs/results/headline.toml --into README.md
	$(BIN)/nt-host report docs/results/targets.toml --into docs/learning.md
	$(BIN)/nt-host report docs/paper/table?.json --out docs/paper.md

clean:
	rm -rf $(VENV) build dist *.egg-info
