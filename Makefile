# Everything a developer runs. `make setup` is done by each target that needs it.
PYTHON ?= python3
PIP_INSTALL = -m pip install --disable-pip-version-check --progress-bar off --quiet

VALUES ?= values.yaml

.PHONY: help setup demo test lint chaos fuzz bench bench-ledger bench-pacing simulate audit licences reference links
.PHONY: requirements clean
.PHONY: sql-deploy sql-teardown sql-dry-run

help:
	@echo "make setup         create .venv (app, development) and .venv-local (emulators)"
	@echo "make demo          run the bridge on this machine, without any cloud account; KEEP=1: it stays up, with the dashboard"
	@echo "make test          everything that CI runs"
	@echo "make chaos         N=1000 runs while everything fails at random, then what callers, Azure ML and the ledger say is"
	@echo "                   compared; SEED=… repeats a plan, ARGS='--hosts 4 --report FILE' and others: -h"
	@echo "make lint          formatting, lint rules, types and import contracts only"
	@echo "make fuzz          N=100000 hostile requests to the app on the laptop stack, from SEED=1 (about 5 minutes on 2 cores)"
	@echo "make sql-deploy    make the bridge in a Snowflake account; VALUES=values.yaml (copy sql/values.example.yaml)"
	@echo "                   ARGS='--connection NAME --only 050' and others: .venv/bin/python -m bridge sql deploy -h"
	@echo "make sql-dry-run   print what that would send, keys as ***"
	@echo "make sql-teardown  remove its doors again; ARGS=--with-ledger: the ledger too"
	@echo "make bench         measure the bridge beside its limits and what users would write first (about 6 minutes);"
	@echo "                   ARGS=--short: a rough look in one minute"
	@echo "make bench-ledger  time the ledger's queries over EVENTS=10000000 events (about 10 minutes, 2 GB of disk)"
	@echo "make bench-pacing  count what Azure ML's limits refuse of RUNS=1500 submissions by HOSTS=2 hosts (about 3 minutes)"
	@echo "make simulate      a day of 10, 10,000 and 10 million runs as arithmetic over documented limits (about 15 seconds)"
	@echo "                   ARGS='--table --plot docs/scale.svg' and others: -h"
	@echo "make audit         known vulnerabilities of what the app installs; needs the network, and fails without it"
	@echo "make licences      write docs/licences.md"
	@echo "make reference     write docs/settings.md, docs/http-api.md and the commands of docs/cli.md from the code"
	@echo "make links         ask the external links of all documents; needs the network"
	@echo "make requirements  compile the pinned requirement files from pyproject.toml (needs uv)"
	@echo "make clean         remove both environments and caches"

setup: .venv/ready .venv-local/ready

.venv/ready: requirements-dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	  || { echo "missing: Python 3.11, 3.12 or 3.13 as $(PYTHON); try: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "missing: Python's venv module; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@test ! -L .venv || { echo ".venv is a link: remove it, or what it leads to would be emptied" >&2; exit 1; }
	@echo "setup: .venv (app and development, about a minute)"
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/python $(PIP_INSTALL) -r requirements-dev.txt
	@touch $@

.venv-local/ready: bridge/local/requirements.txt | .venv/ready
	@command -v $${CC:-cc} >/dev/null 2>&1 \
	  || { echo "missing: a C compiler (the Service Bus emulator builds one package); on Debian and Ubuntu: apt-get install gcc" >&2; exit 1; }
	@$(PYTHON) -c 'import os, sys, sysconfig; sys.exit(not os.path.exists(os.path.join(sysconfig.get_paths()["include"], "Python.h")))' \
	  || { echo "missing: Python's C headers; on Debian and Ubuntu: apt-get install python3-dev" >&2; exit 1; }
	@test ! -L .venv-local || { echo ".venv-local is a link: remove it, or what it leads to would be emptied" >&2; exit 1; }
	@echo "setup: .venv-local (emulators and Snowflake's tools, about a minute)"
	@$(PYTHON) -m venv --clear .venv-local
	@.venv-local/bin/python $(PIP_INSTALL) -r bridge/local/requirements.txt
	@touch $@

demo: setup
	@exec .venv/bin/python -m bridge.local demo

sql-deploy: setup
	@.venv/bin/python -m bridge sql deploy --values $(VALUES) $(ARGS)

sql-dry-run: setup
	@.venv/bin/python -m bridge sql render --values $(VALUES) $(ARGS)

sql-teardown: setup
	@.venv/bin/python -m bridge sql teardown --values $(VALUES) $(ARGS)

lint: setup
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/bandit -q -r bridge function_app.py -x bridge/local
	.venv/bin/lint-imports
	.venv/bin/mypy

test: lint
	.venv/bin/pytest

chaos: setup
	@exec .venv/bin/python -m bridge.local chaos --runs $(or $(N),1000) $(if $(SEED),--seed $(SEED)) $(ARGS)

fuzz: setup
	@exec .venv/bin/python -m tests.fuzz --requests $(or $(N),100000) --seed $(or $(SEED),1)

bench: setup
	@exec .venv/bin/python -m benchmarks $(ARGS)

EVENTS ?= 10000000
bench-ledger: setup
	.venv-local/bin/python benchmarks/ledger.py --events $(EVENTS)

RUNS ?= 1500
HOSTS ?= 2
bench-pacing: setup
	.venv/bin/python benchmarks/pacing.py --runs $(RUNS) --hosts $(HOSTS) $(ARGS)

simulate: setup
	@.venv/bin/python -m benchmarks.simulate $(ARGS)

audit: setup
	@.venv/bin/python -m audit.vulnerabilities

licences: setup
	@.venv/bin/python -m audit.licences

reference: setup
	@.venv/bin/python -m reference
	@.venv/bin/python -m bridge.cli.reference

links: setup
	@.venv/bin/python -m audit.links --check

requirements:
	uv pip compile pyproject.toml --universal --no-header --quiet -o requirements.txt
	uv pip compile pyproject.toml --group dev --universal --no-header --quiet -c requirements.txt -o requirements-dev.txt
	uv pip compile pyproject.toml --group container --universal --no-header --quiet -c requirements.txt -o requirements-container.txt
	uv pip compile --group local --universal --python-version 3.11 --no-header --quiet -o bridge/local/requirements.txt

clean:
	rm -rf .venv .venv-local .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
