# Two commands do all: `make run` and `make test`. Both need nothing but make and Python 3.11 or newer.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
TARGET ?=
ARGS ?=

# The editable install is a plain path entry and the sources are compiled beforehand: start-up is part of
# what a user waits for (an import hook costs 24 ms, compiling at every start 150 ms).
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --config-settings editable_mode=compat
COMPILE := $(BIN)/python -m compileall -q tracer tui

# Most of the laboratory's time is waiting for probes that nobody answers. More than two at a time would make
# each other's loops late; what shares a laboratory stays in one process.
SIDE_BY_SIDE := -n 2 --dist loadfile

.PHONY: help run test lint types contracts check docs matrix faults fuzz audit bench bench-screen soak screenshots clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: .venv/run ## Trace a simulated path, or TARGET=host ARGS="--tcp -P 443"
	@$(COMPILE)
	@$(BIN)/hopscope $(if $(TARGET),$(TARGET),--sim wan) $(ARGS)

test: .venv/test ## Run every test; the lab's need root and are reported as skipped without it
	@$(COMPILE)
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

lint: .venv/dev ## Check format and style
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/dev ## Check types
	$(BIN)/mypy

contracts: .venv/dev ## Check who imports whom
	$(BIN)/lint-imports

check: lint types contracts test ## Everything CI runs

docs: .venv/run ## Write the generated pages of docs/ anew
	$(BIN)/python -m tui.reference options > docs/options.md
	$(BIN)/python -m tui.reference keys > docs/keys.md

matrix: .venv/test ## Write docs/matrix.md anew from the channel suite (as root)
	@$(COMPILE)
	$(BIN)/python -m pytest -q -o junit_family=xunit1 --junitxml=.pytest_cache/matrix.xml tests/lab/test_channel_matrix.py
	$(BIN)/python -m tests.lab.labkit.matrix_page .pytest_cache/matrix.xml > .pytest_cache/matrix.md
	mv .pytest_cache/matrix.md docs/matrix.md

faults: .venv/test ## Write the table of docs/faults.md anew from the fault tests (as root)
	@$(COMPILE)
	$(BIN)/python -m pytest -q -m fault -o junit_family=xunit1 --junitxml=.pytest_cache/faults.xml \
		$$(grep -rl --include='test_*.py' 'mark.fault(' tests | sort)
	$(BIN)/python -m tests.lab.labkit.faults_page .pytest_cache/faults.xml

fuzz: .venv/test ## Give every decoder and file reader 10 million damaged inputs; ARGS="--count N --seed S"
	@$(COMPILE)
	$(BIN)/python -m tests.fuzz.run $(ARGS)

audit: .venv/audit ## Ask for known vulnerabilities of what is installed (asks a database on the network)
	$(BIN)/python -m tests.audit $(ARGS)

bench: .venv/test ## Measure ours and the peers in turn (root; a quiet machine; ten minutes); ARGS="--list", ARGS="truth cost"
	@$(COMPILE)
	@$(BIN)/python -m bench $(ARGS)

bench-screen: .venv/test ## The part of it that is about the screen
	@$(COMPILE)
	@$(BIN)/python -m bench first_frame screen_cost screen_redraw loop_hold

soak: .venv/test ## Ten million probes in virtual time, then an hour on the kernel lab (root); ARGS="--probes N --seconds S"
	@$(COMPILE)
	$(BIN)/python -m soak.virtual $(ARGS)
	$(BIN)/python -m soak.lab $(ARGS)

screenshots: .venv/screens ## Take the pictures in screenshots/ anew
	$(BIN)/python -m screenshots.take

clean: ## Remove what was made
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find tracer tui tests -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run: .venv/bin/python pyproject.toml requirements-dev.txt
	$(INSTALL) --constraint requirements-dev.txt --editable .
	@touch $@

.venv/test: .venv/run
	$(INSTALL) --constraint requirements-dev.txt --editable ".[test]"
	@touch $@

.venv/screens: .venv/test
	$(INSTALL) --constraint requirements-dev.txt --editable ".[test,screens]"
	@touch $@

.venv/audit: .venv/test
	$(INSTALL) pip-audit
	@touch $@

.venv/dev: .venv/test
	$(INSTALL) --constraint requirements-dev.txt --editable ".[test,lint]"
	@touch $@
