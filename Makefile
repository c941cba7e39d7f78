# Everything needs only Python >= 3.11, git and make. The environment is .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.ready
PEERS := .venv/.peers

.PHONY: setup web run test test-long check bench
.DEFAULT_GOAL := run

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev --editable ".[redis]"
	touch $(STAMP)

# The GraphQL playground; built again only when a source of it has changed.
web: setup
	$(BIN)/python -m web.build

run: setup
	$(BIN)/python -m web.build --if-possible
	$(BIN)/headwater migrate
	$(BIN)/headwater seed
	$(BIN)/headwater serve

test: check
	$(BIN)/pytest -n 2

test-long: check
	HEADWATER_TEST_LONG=1 $(BIN)/pytest -n 2

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# make bench ARGS="--store sqlite --workloads a,c"
bench: $(PEERS)
	$(BIN)/python -m bench $(ARGS)

$(PEERS): $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group bench
	touch $(PEERS)
