# Each target works on a machine that has only Python 3.11+ with pip, git and make.

PYTHON ?= python3
AIRFLOW ?= 3.3.2
CONSTRAINTS := constraints/airflow-$(AIRFLOW).txt
# One environment per Airflow; the default one is .venv.
VENV := .venv$(if $(filter-out 3.3.2,$(AIRFLOW)),-$(AIRFLOW))
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo ui test check fix emulator constraints clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

demo: $(READY) ## make one video with a real Airflow DAG on the local emulator: no key, no cost
	@$(BIN)/python -m dev.demo

ui: $(READY) ## start Airflow with its UI and the emulator on free ports, connection set, example DAGs on
	@$(BIN)/python -m dev.ui

test: $(READY) ## run the tests
	$(BIN)/python -m pytest $(ARGS)

check: $(READY) ## format, lint, types and tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(ARGS)

fix: $(READY) ## format, and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

emulator: $(READY) ## run Kling's stand-in on 127.0.0.1:8765
	@$(BIN)/kling-emulator $(ARGS)

constraints: $(READY) ## renew the pins for AIRFLOW=x.y.z (default 3.3.2)
	$(BIN)/python -m dev.constraints $(AIRFLOW)

clean: ## remove all that make made
	rm -rf .venv .venv-* .demo .ui .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis

# Bytecode is compiled at install: without it every airflow process takes five seconds to import.
$(READY): pyproject.toml $(CONSTRAINTS)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --constraint $(CONSTRAINTS) \
		'apache-airflow==$(AIRFLOW)' --editable '.[dev]'
	@touch $@
