# Each target works on a machine that has only Python 3.11+ with pip, git and make.

PYTHON ?= python3
AIRFLOW ?= 3.3.2
CONSTRAINTS := constraints/airflow-$(AIRFLOW).txt
# Airflow 3.0 shows a provider's fields in the connection form only where FAB is installed, as in its Docker image.
REQUIREMENT := apache-airflow$(if $(filter 3.0.%,$(AIRFLOW)),[fab])==$(AIRFLOW)
# One environment per Airflow; the default one is .venv.
VENV := .venv$(if $(filter-out 3.3.2,$(AIRFLOW)),-$(AIRFLOW))
BIN := $(VENV)/bin
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo ui test check fix kills fuzz search bench emulator constraints clean

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

fix: $(READY) ## format, and fix what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

kills: $(READY) ## kill -9 the processes of a real Airflow that makes 50 videos, and count what was paid (25 minutes)
	@$(BIN)/python -m tests.system.kills $(ARGS)

fuzz: $(READY) ## play 20,000 odd arguments, answers and downloads each (ARGS='--seed 9 --only answers')
	@$(BIN)/python -m tests.fuzz $(ARGS)

search: $(READY) ## play other examples of the Hypothesis tests than the suite's, and twenty times as many (ARGS='--hypothesis-seed 9')
	@$(BIN)/pytest -q --hypothesis-profile search tests/api tests/lifecycle tests/storage $(ARGS)

bench: $(READY) ## measure beside other providers, and write benchmarks/RESULTS.md (half an hour)
	@$(BIN)/python -m benchmarks $(ARGS)

emulator: $(READY) ## run Kling's stand-in on 127.0.0.1:8765
	@$(BIN)/kling-emulator $(ARGS)

constraints: $(BIN)/uv ## renew the pins for AIRFLOW=x.y.z (default 3.3.2)
	$(BIN)/python -m dev.constraints '$(REQUIREMENT)'

clean: ## remove all that make made
	rm -rf .venv .venv-* .demo .ui .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(BIN)/uv:
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

# Bytecode is compiled at install: without it every airflow process takes five seconds to import.
$(READY): pyproject.toml $(CONSTRAINTS) | $(BIN)/uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --constraint $(CONSTRAINTS) \
		'$(REQUIREMENT)' --editable '.[dev]'
	@touch $@
