# Targets for people; `make` lists them. Everything is built into target/ and .venv/ of this directory.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
STAMPS := $(VENV)/stamps
CONFIG ?= config/pbx.toml
SEEDS ?= 10000
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
SOURCES := $(shell find rust python -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.py' -o -name '*.pyi' -o -name py.typed \) -not -path '*/target/*' -not -path '*/fuzz/*' 2>/dev/null)

.PHONY: help run test lint unit-rust sim unit-python e2e bench bench-compare fuzz-smoke build dev peers pins clean doctor

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

doctor: ## check what the build needs
	@tools/doctor.sh

run: $(STAMPS)/wheel ## build if needed, then start the PBX on config/pbx.toml
	@tools/next_steps.sh "$(CONFIG)"
	@exec $(BIN)/pbx run --config "$(CONFIG)"

build: $(STAMPS)/wheel ## build the release wheel and install it into .venv

dev: $(STAMPS)/dev $(STAMPS)/wheel ## .venv with the developers' tools and the wheel

$(STAMPS)/venv:
	@tools/doctor.sh
	@"$$(tools/doctor.sh --python)" -m venv $(VENV)
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/runtime: $(STAMPS)/venv pyproject.toml requirements/dev.txt
	@echo "pbx: installing the Python packages into $(VENV)"
	@$(PIP) install --constraint requirements/dev.txt --requirement <($(BIN)/python tools/requirements.py) maturin
	@touch $@

$(STAMPS)/dev: $(STAMPS)/runtime
	@$(PIP) install --constraint requirements/dev.txt --requirement <($(BIN)/python tools/requirements.py dev)
	@touch $@

$(STAMPS)/wheel: $(STAMPS)/runtime Cargo.toml Cargo.lock $(SOURCES)
	@tools/doctor.sh
	@echo "pbx: building the release wheel (the first time takes some minutes)"
	@rm -rf target/dist
	@$(BIN)/maturin build --quiet --release --locked --out target/dist --interpreter $(BIN)/python
	@$(PIP) install --no-deps --no-index --force-reinstall target/dist/pbx-*.whl
	@touch $@

lint: $(STAMPS)/dev ## formatting, lints, types, layers, licences
	cargo fmt --all --check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYTHONPATH=python $(BIN)/lint-imports
	$(BIN)/python tools/licences.py
	cargo clippy --workspace --all-targets --locked -- -D warnings

unit-rust: ## cargo tests
	cargo test --workspace --exclude pbx-native --locked

sim: $(STAMPS)/wheel ## the whole PBX under a lossy network, SEEDS=10000 runs
	cargo run --release --quiet --locked -p pbx-sim --bin pbx-sim -- --seeds $(SEEDS)

unit-python: dev ## stubtest and the Python tests that need no peer
	$(BIN)/python -m mypy.stubtest --mypy-config-file pyproject.toml pbx._native
	$(BIN)/pytest tests --ignore tests/e2e --ignore tests/faults

e2e: dev peers ## end to end with real peers, and the faults
	$(BIN)/pytest $(wildcard tests/e2e tests/faults)

peers:
	@tools/peers.sh

test: ## everything, cheapest first
	@tools/doctor.sh
	@$(MAKE) --no-print-directory lint unit-rust unit-python e2e

bench: dev ## measure, print the table of figures beside the targets (PEERS=1: yardsticks beside)
	$(BIN)/python -m bench $(if $(PEERS),--peers) $(BENCH)

bench-compare: dev ## compare the last figures with a saved run (BASELINE=file)
	$(BIN)/python -m bench.compare $(BASELINE)

fuzz-smoke: ## 30 s of fuzzing per target
	rust/fuzz/smoke.sh

pins: ## renew requirements/dev.txt from the newest versions that fit
	@rm -rf target/pins && python3 -m venv target/pins
	@target/pins/bin/pip --quiet install $$(python3 tools/requirements.py dev | tr -d ' ')
	@{ echo '# Exact versions of everything `make` installs: the constraints of .venv. Made by `make pins`.'; \
	   target/pins/bin/pip freeze; } > requirements/dev.txt

clean: ## remove everything that was built
	rm -rf $(VENV) target build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache bench/results
