# Regulars. `make` alone lists what there is.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMPS := .stamps
PORT ?= 8000
# Many tests wait for sockets, so a few more workers than cores are busy.
WORKERS ?= 3
SEEDS ?= 100
FIRST ?= 0
# The rows of docs/explanation/faults.md; more than tests/faults, for some need no fault's tools.
FAULTS := tests/faults tests/simulation tests/integration/test_races.py tests/integration/test_worker.py \
  tests/integration/storage tests/functional/test_restore.py tests/functional/test_google_loop.py \
  tests/functional/test_google_mass.py tests/functional/test_many_machines.py \
  tests/property tests/unit/passes/test_images.py
ROOMS := common ledger passes signing storage loyalty delivery web regulars sandbox

.PHONY: help setup run test lint format types test-fast simulate faults bench screens lock clean messages reference wheel

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(STAMPS)/run ## Make .venv/bin/regulars from locked, hashed requirements

run: $(STAMPS)/sandbox ## Start the whole loop with pretend phones; from nothing
	@$(BIN)/regulars init --demo >/dev/null
	@exec $(BIN)/regulars serve --sandbox --port $(PORT)

test: $(STAMPS)/dev lint ## Check everything, from nothing: lint, types, then all tests on both databases
	@bin/with-tools $(BIN)/pytest -n $(WORKERS) --dist loadgroup $(ARGS)

test-fast: $(STAMPS)/dev ## Unit tests only: no database, no socket
	@$(BIN)/pytest tests/unit $(ARGS)

simulate: $(STAMPS)/dev ## A shop under every misfortune at once, drawn from SEEDS=n seeds from FIRST=n on
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) --first $(FIRST)

faults: $(STAMPS)/dev ## Break everything a plain machine can break, the long ones too (half an hour)
	@bin/with-tools $(BIN)/pytest -n $(WORKERS) --dist loadgroup -m "long or not long" $(FAULTS) $(ARGS)

lint: $(STAMPS)/dev ## ruff, mypy --strict, the import rules, bandit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit -q -c pyproject.toml -r $(ROOMS)

format: $(STAMPS)/dev ## Bring every file into one form
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

bench: $(STAMPS)/dev ## Measure: ratios against a baseline in the same run
	$(BIN)/python -m bench

screens: $(STAMPS)/dev ## Take a picture of every page: phone and desktop, light and dark
	bin/with-tools $(BIN)/python -m bench.screens

reference: $(STAMPS)/dev ## Write the pages of docs/reference that the code can tell
	$(BIN)/python bin/write-reference

messages: $(STAMPS)/dev ## Collect the visible texts into common/locale
	$(BIN)/python bin/collect-messages

wheel: $(STAMPS)/dev ## Build the wheel into dist/
	$(BIN)/python -m hatchling build -t wheel

lock: $(STAMPS)/dev ## Resolve requirements/*.in anew, with hashes
	@for name in build run sandbox dev; do \
	  $(BIN)/uv pip compile -q --universal --generate-hashes --python-version 3.11 --no-annotate \
	    --no-header --no-emit-index-url requirements/$$name.in -o requirements/$$name.txt; done

clean: ## Remove the environment and what tools left; data stays
	rm -rf $(VENV) $(STAMPS) .mypy_cache .ruff_cache .pytest_cache .hypothesis dist

$(BIN)/uv: requirements/build.txt
	@bin/make-environment $(PYTHON) $(VENV)

$(STAMPS)/run: $(BIN)/uv requirements/run.txt pyproject.toml
	@bin/install-locked $(VENV) requirements/run.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/sandbox: $(STAMPS)/run requirements/sandbox.txt
	@bin/install-locked $(VENV) requirements/sandbox.txt
	@touch $@

$(STAMPS)/dev: $(STAMPS)/sandbox requirements/dev.txt
	@bin/install-locked $(VENV) requirements/dev.txt
	@touch $@
