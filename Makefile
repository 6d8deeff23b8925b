# Each target does all of its own set-up; it needs make and Python 3.11 or newer.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test keys soak mutation bench setup format clean

demo: setup ## the 24 schools, on real Claude Code sessions against the rehearsal server
	@tools/system_packages.sh bubblewrap
	@$(BIN)/python tools/demo.py

test: setup ## everything that must hold
	@tools/system_packages.sh bubblewrap strace
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy & types=$$!; $(BIN)/pytest --print-keys tests/core tests/planning; keys=$$?; wait $$types && exit $$keys
	$(BIN)/pytest -n 5 --maxschedchunk=1 --durations=10

keys: setup ## the rooms that decide, with the name of each kind of message in place of its words
	$(BIN)/pytest -n 2 -m "not session" --print-keys $(wildcard $(addprefix tests/,core ledger supervisor planning review simulation))

soak: setup ## long sweeps: thousands of simulated nights, random kills of a real one, planted faults
	@tools/system_packages.sh bubblewrap strace
	$(BIN)/python -m tests.soak
	$(MAKE) mutation

mutation: setup ## small faults planted in every room, a sample of them: do the tests notice? about two hours
	@tools/system_packages.sh bubblewrap strace
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r tools/mutation.txt
	$(BIN)/python -m tests.mutation $(ROOMS)

bench: setup ## every figure that the docs give
	@tools/system_packages.sh bubblewrap
	$(BIN)/python -m bench

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || { $(PYTHON) -m venv .venv 2>/dev/null || { tools/system_packages.sh python3-venv; $(PYTHON) -m venv --clear .venv; }; }
	@echo "installing packages into .venv (630 MB on disk, 380 of them the Claude Code CLI)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r constraints.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
