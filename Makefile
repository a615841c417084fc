# Everything a person types. `make` alone says what there is.
FIRMS ?= 3
# Tests mostly wait for servers: more of them than cores. Each worker has servers of its own.
TEST_WORKERS ?= 5
PYTHON := .venv/bin/python
COMPILE := .venv/bin/uv pip compile --quiet --universal --python-version 3.12 --no-header --no-annotate --extra airflow pyproject.toml

.DEFAULT_GOAL := help
.PHONY: help venv check test demo up down bench wheel lock

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' $(MAKEFILE_LIST)

venv: ## make .venv from nothing, or bring it up to date
	@.ci/venv

check: venv ## style, types and the direction of imports
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy $(wildcard include plugins dags)
	PYTHONPATH=plugins .venv/bin/lint-imports

test: venv ## every test; the last line is pytest's own
	@.venv/bin/pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder

demo: venv ## a cloud, PostgreSQL clusters and FIRMS law firms; back up, destroy, restore, prove
	@$(PYTHON) -m muniment_demo demo --firms $(FIRMS)

up: venv ## the same world, left running, with Airflow beside it
	@$(PYTHON) -m muniment_demo up --firms $(FIRMS)

down: venv ## stop and remove what `make up` started
	@$(PYTHON) -m muniment_demo down

bench: venv ## how fast backup and restore are on this machine
	@$(PYTHON) -m tests.bench

wheel: venv ## the package for machines that have no clone, into dist/
	@.venv/bin/uv build --quiet --build-constraints tests/requirements.txt --out-dir dist

lock: venv ## write both locks again from pyproject.toml
	$(COMPILE) --group demo --group test --group lint -o tests/requirements.txt
	$(COMPILE) -c tests/requirements.txt -o requirements.txt
