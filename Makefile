# Everything starts here. Each target makes what it needs; `make help` lists them.
PYTHON ?=
PYTEST_FLAGS ?=
FUZZ_SECONDS ?= 60
BIN := .venv/bin
DEMO := .cache/demo
SETUP_INPUTS := setup.cfg pyproject.toml requirements.lock infra/dev/setup infra/dev/system-packages

.PHONY: help setup demo demo-console test lint types unit test-race test-crash test-fleet test-link test-api fuzz agent-bundle test-bundle bench bench-safety docs lock clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1|\2/p' Makefile | awk -F'|' '{ printf "%-13s %s\n", $$1, $$2 }'

.venv/ready: $(SETUP_INPUTS)
	@PYTHON="$(PYTHON)" infra/dev/setup

setup: .venv/ready  ## make .venv ready

demo: .venv/ready  ## watch a fleet of 20 agents take a rollout, on this machine alone, and look at its dashboard
	@rm -rf $(DEMO)
	@$(BIN)/tidegate demo --folder $(DEMO)
	@echo "and steer it, in a browser: make demo-console"

demo-console: .venv/ready  ## open the console on what the demo left
	@test -d $(DEMO)/dashboard || $(MAKE) demo
	@echo "the demo's agents have ended: no host follows what you publish here; tidegate demo --keep has some that do"
	@TIDEGATE_KEYS=$(CURDIR)/$(DEMO)/keys $(BIN)/tidegate -C $(DEMO)/workspace console $(CONSOLE_FLAGS)

test: lint types unit  ## everything that must hold: lint, types, import direction, all tests

lint: .venv/ready  ## formatting, ruff, import direction
	@echo "lint: formatting, rules, import direction"
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@out=$$($(BIN)/lint-imports --no-cache 2>&1) || { echo "$$out"; exit 1; }

types: .venv/ready  ## mypy, strict
	@echo "types: mypy, strict"
	@$(BIN)/mypy --no-error-summary

unit: .venv/ready  ## the tests alone
	@echo "tests: pytest, two processes for each core, since stories mostly wait; a file's stories share a host"
	@$(BIN)/pytest -n 4 --dist loadfile $(PYTEST_FLAGS)

test-race: .venv/ready  ## eight publishers race for a folder and for an S3 bucket, 200 rounds each
	@$(BIN)/python -m tests.support.race $(RACE_FLAGS)

test-crash: .venv/ready  ## kill, cut off and starve of disk: ticks at 1,200 of their calls (SWEEP_FLAGS=--all: at every one)
	@$(BIN)/python -m tests.support.sweep $(SWEEP_FLAGS)

test-fleet: .venv/ready  ## sixty agents report of updates: the queries say exactly what happened, and a job steers by it
	@$(BIN)/pytest -q tests/real/fleet_story.py tests/real/steered_story.py

test-link: .venv/ready  ## 18 MB over 8 Mbit/s with delay, loss and three cuts, through nginx with TLS and Varnish
	@$(BIN)/pytest -q tests/real/link_story.py

test-api: .venv/ready  ## fifty sound and fifty broken requests for each operation of the console's API
	@API_EXAMPLES=50 $(BIN)/pytest -q -n 0 tests/repo_tools/test_console_fuzzed.py

fuzz: .venv/ready  ## foreign bytes against every parser for FUZZ_SECONDS each, guided by coverage
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check "atheris>=3"
	@$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

agent-bundle: .venv/ready  ## the agent as one folder that needs no Python on the host: dist/tidegate-agent
	@infra/bundle/build

test-bundle: agent-bundle  ## two bundles update one into the other, on a real systemd
	@$(BIN)/pytest -q tests/real/bundle_story.py

bench: .venv/ready  ## speed and size, as ratios to a peer
	@$(BIN)/python -m tests.bench

bench-safety: .venv/ready  ## hosts that a bad release hurts, here and under models of others
	@$(BIN)/python -m tests.bench.safety

docs: .venv/ready  ## write the generated pages and schemas anew
	@$(BIN)/python -m tests.project.reference --write

lock: .venv/ready  ## pin the newest allowed version of every package
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --extra dev --generate-hashes \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links -o requirements.lock setup.cfg
	@echo "lock: requirements.lock is new"

clean:  ## remove what make created
	@rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build dist *.egg-info
