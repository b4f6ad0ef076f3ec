# The commands of this repository. `make` alone lists them; each one does its own set-up.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# Most of the time the tests wait for daemons: one more process than there are processors leaves none of them idle.
PYTEST_ARGS ?= --numprocesses=$$(( $$(getconf _NPROCESSORS_ONLN) + 1 )) --maxprocesses=4 --dist=worksteal
INSTALLED := $(VENV)/.installed
EDITABLE := $(VENV)/.editable
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV

.PHONY: help
help: ## list these commands
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

.PHONY: setup
setup: $(EDITABLE) ## make .venv with the locked packages and this project in it

.PHONY: test
test: $(EDITABLE) ## set up, check style and types, run every test
	@tools/programs.sh $(BIN)
	ruff check .
	ruff format --check .
	mypy
	pytest $(PYTEST_ARGS)

.PHONY: demo
demo: $(EDITABLE) ## show the main job in under a minute; KEEP=1 leaves it running
	setpoint demo $(if $(KEEP),--keep)

.PHONY: lint
lint: $(EDITABLE) ## check style and types only
	ruff check .
	ruff format --check .
	mypy

.PHONY: format
format: $(EDITABLE) ## put the source into its one format
	ruff check --fix-only --quiet .
	ruff format .

.PHONY: bench
bench: $(EDITABLE) ## measure every budget beside its reference into bench/results.json; QUICK=1 in two minutes, else fifteen
	@tools/programs.sh $(BIN) bench
	python bench/run.py --date "$$(date -u +%F)" $(if $(QUICK),--quick) $(BENCH_ARGS)

.PHONY: fuzz
fuzz: $(EDITABLE) ## run the property tests N times (1) with other cases each time; SEED= for one again
	@tools/programs.sh $(BIN)
	for round in $$(seq $(or $(N),1)); do pytest -m hypothesis $(PYTEST_ARGS) --hypothesis-profile=fuzz --hypothesis-seed=$(or $(SEED),random); done

.PHONY: crash
crash: $(EDITABLE) ## kill the daemon N times (100) at random instants and compare with no kill; SEED=, AT= for one again, DATABASE=postgresql
	@tools/programs.sh $(BIN)
	python -m tests.crash --kills $(or $(N),100) $(if $(SEED),--seed $(SEED)) $(if $(AT),--at "$(AT)") --database $(or $(DATABASE),sqlite)

.PHONY: soak
soak: $(EDITABLE) ## run the daemon for HOURS (0.3) with 1,000 sources among faults; fails where it grows, loses or breaks; SEED=, DATABASE=postgresql
	@tools/programs.sh $(BIN)
	python -m tests.soak --hours $(or $(HOURS),0.3) $(if $(SEED),--seed $(SEED)) --database $(or $(DATABASE),sqlite)

.PHONY: docs
docs: $(EDITABLE) ## write docs/reference from the code
	python tools/reference.py

.PHONY: lock
lock: ## write the lock files anew; UPGRADE=1 takes the newest packages allowed
	@test -x $(BIN)/pip-compile || $(MAKE) --no-print-directory setup
	$(COMPILE) $(if $(UPGRADE),--upgrade) --output-file=requirements.lock pyproject.toml
	$(COMPILE) $(if $(UPGRADE),--upgrade) --extra=dev --constraint=requirements.lock --output-file=requirements-dev.lock pyproject.toml

.PHONY: audit
audit: ## ask PyPI which locked packages of the daemon have known vulnerabilities; needs the network, and fails without an answer
	@test -x .audit/bin/pip-audit || { "$(PYTHON)" -m venv .audit && .audit/bin/pip install --quiet 'pip-audit>=2.10,<3'; } || \
		{ echo "pip-audit can't be installed: nothing was audited" >&2; exit 1; }
	@.audit/bin/pip-audit --requirement requirements.lock --require-hashes --disable-pip --strict --progress-spinner=off || \
		{ echo "Vulnerable packages are listed above; where it says that nothing was found or asked, nothing was audited." >&2; exit 1; }

$(INSTALLED): requirements-dev.lock
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Setpoint needs Python 3.11 or newer; say which with: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/pip || { rm -rf $(VENV); "$(PYTHON)" -m venv $(VENV); } || \
		{ echo "This Python can't make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	@touch $@

$(EDITABLE): $(INSTALLED) pyproject.toml
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
