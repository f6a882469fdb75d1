# `make help` lists the targets. Everything runs from a bare python3 (3.11 or newer) and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Programs find neither a home nor a locale in an empty environment; these two are enough for all of them.
export HOME ?= $(CURDIR)/$(VENV)/home
export LC_ALL ?= C.UTF-8
# Nothing here tells anybody outside what it does.
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false

# Tests of decisions and of what needs no more than a database: what `make check` runs.
FAST := tests/actions tests/policy tests/cli tests/worker tests/execution/test_concluding.py \
        tests/execution/test_performing.py tests/records/test_claims.py tests/records/test_journal.py
# What runs on a real API server, too, or nowhere else.
CONTRACT := tests/contract tests/targets tests/real_cluster
# tests/grouping.py says what stays together, and orders it.
DISTRIBUTION := --dist loadgroup --no-loadscope-reorder
STATE_DIR ?= .countersign
CONTROL_PLANE_DIR ?= .countersign-control-plane

.DEFAULT_GOAL := help
.PHONY: help install lock lint types imports check test sshd prometheus control-plane contract faults drill image-test model fuzz soak soak-api demo up bench register clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-13s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## make .venv with the locked versions

# pip installs uv with its hash from the lock; uv installs the rest in a tenth of pip's time.
$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, $(PYTHON) is older: set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	@mkdir -p "$(HOME)"
	@awk '/^[a-z]/ {take = /^uv==/} take' requirements.lock > $(VENV)/uv.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $(VENV)/uv.lock
	$(BIN)/uv pip sync --quiet --system-certs --python $(BIN)/python --require-hashes \
	  --compile-bytecode requirements.lock
	$(BIN)/uv pip install --quiet --offline --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q countersign flows blocks sandbox
	@touch $@

lock: ## write requirements.lock afresh, and what of it the image has
	$(BIN)/uv pip compile --quiet --system-certs --universal --generate-hashes --python-version 3.11 \
	  --upgrade --group dev --no-header --output-file requirements.lock pyproject.toml
	$(BIN)/uv pip compile --quiet --system-certs --universal --generate-hashes --python-version 3.11 \
	  --upgrade --constraints requirements.lock --no-header --no-annotate \
	  --output-file deployments/requirements.lock pyproject.toml

lint: install ## ruff: rules and format; hadolint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/hadolint deployments/Containerfile

types: install ## mypy, strict
	$(BIN)/mypy

imports: install ## layers of the packages point down
	$(BIN)/lint-imports

check: lint types imports ## lint, types, imports and the fast tests, in under a minute
	$(BIN)/pytest -q -n 2 $(DISTRIBUTION) $(FAST)

# Half of what the tests do is waiting, so two processes for each processor keep it busy.
TEST_PROCESSES ?= $(shell $(PYTHON) -c 'import os; print(min(8, 2 * len(os.sched_getaffinity(0))))')
# Servers and commands of the tests read bytecode, also where the environment says that none is written.
test: export PYTHONDONTWRITEBYTECODE :=
test: install ## every test; says at the end which took longest, and what could not be tried and why
	@.ci/install-sshd
	@.ci/install-prometheus
	$(BIN)/pytest -n $(TEST_PROCESSES) $(DISTRIBUTION) --durations 20

sshd: ## OpenSSH's server for the tests, where apt can install it; it is not started
	@.ci/install-sshd

prometheus: ## Prometheus and Alertmanager for the tests, where apt can install them; they are not started
	@.ci/install-prometheus

control-plane: install ## build (minutes, once) and start a real Kubernetes control plane; says where, and how to stop it
	@$(BIN)/python -m tests.contract.control_plane start $(CONTROL_PLANE_DIR)

contract: install ## the contract tests, and every operation through the deployment, on a real control plane of their own
	@$(BIN)/python -m tests.contract.control_plane run -- $(BIN)/pytest -q $(CONTRACT)

faults: install ## lose processes and servers at every point, lie about every request; prints docs/reliability.md's tables
	$(BIN)/pytest -q -n 2 tests/faults tests/archive/test_cut_off.py tests/audit/test_rotating.py --whole-matrix

MINUTES ?= 10
soak: install ## hundreds of approvals while everything is killed at random; MINUTES=20 SEED=1
	$(BIN)/python -m tests.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

CLIENTS ?= 100
SECONDS ?= 300
soak-api: install ## clients of the API, while what answers and executes is killed at random; CLIENTS=20 SECONDS=60 SEED=1
	$(BIN)/python -m tests.soak.over_api --clients $(CLIENTS) --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

drill: install ## stop Prefect for two minutes, then lose its database: all approvals execute once
	$(BIN)/python -m tests.drills.prefect_away

image-test: install ## build the image with buildah and run it; needs root, and debootstrap for the base
	$(BIN)/pytest -q tests/deployments/test_image.py --image

model: install ## play 2,000 lives of approvals in every order of events (make test plays 60)
	$(BIN)/pytest -q tests/model --examples 2000

FUZZ_EXAMPLES ?= 300
fuzz: install ## schemathesis on the whole API for long, other requests every time; FUZZ_EXAMPLES=1000
	$(BIN)/pytest -q tests/web/test_fuzzing.py --fuzz-examples $(FUZZ_EXAMPLES)

demo: install ## the whole thing on this machine; ONCE=1 ends after showing the outcomes
	$(BIN)/python -m sandbox.demo $(if $(ONCE),--once)

up: install ## PostgreSQL, Valkey, Prefect, worker and sandbox, until Ctrl-C
	$(BIN)/countersign up --state-dir $(STATE_DIR)

BENCHMARKS ?= trigger burst idle reconcile_recovery ssh_overhead reconcile_scale audit
bench: install ## benchmarks, or some: BENCHMARKS="burst idle"; each compares with what a user would pick instead
	@for name in $(BENCHMARKS); do echo "== $$name"; $(BIN)/python -m benchmarks.$$name || exit 1; done

register: install ## make the block types known to the Prefect server at PREFECT_API_URL
	$(BIN)/prefect --no-prompt block register -m blocks

clean: ## remove .venv and what the tools have cached
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
