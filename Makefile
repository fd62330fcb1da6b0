PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv --quiet pip

.PHONY: run test test-slow cluster-test lint tests-on-ray tests-without-ray chaos lock clean

run: .venv/ready  ## tune a CNN on real digits
	$(BIN)/tune-jobs run digits_cnn

test: .venv/ready  ## style, types and tests, side by side
	@$(MAKE) --no-print-directory --jobs=3 lint tests-on-ray tests-without-ray

test-slow: .venv/frameworks  ## tests/slow: the wheel, other frameworks, clusters of several nodes
	$(BIN)/pytest --timeout=600 --numprocesses=2 --dist=loadfile tests/slow

cluster-test: .venv/ready  ## several hosts; ray up, submit, exec, down; a part of test-slow
	$(BIN)/pytest tests/slow/test_cluster_launcher.py tests/slow/test_three_hosts.py

lint: .venv/ready
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

tests-on-ray: .venv/ready
	$(BIN)/pytest -m ray

tests-without-ray: .venv/ready
	$(BIN)/pytest -m "not ray"

chaos: .venv/ready  ## kill drivers at random, resume, compare with runs left alone (20 minutes)
	$(BIN)/python benchmarks/chaos.py

.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; (3, 10) <= v < (3, 14) or sys.exit("$(PYTHON) is %d.%d; tune-jobs needs Python 3.10 to 3.13: make PYTHON=python3.12 ..." % v[:2])'
	@echo "setting up .venv (torch and its CUDA libraries are 5 GB on disk)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.5"
	$(UV) install --python $(BIN)/python --require-hashes --requirement requirements.lock
	$(UV) install --python $(BIN)/python --no-deps --editable .
	@touch $@

.venv/frameworks: .venv/ready frameworks.lock
	$(UV) install --python $(BIN)/python --require-hashes --requirement frameworks.lock
	@touch $@

lock: .venv/ready  ## exact versions with hashes, for every supported Python and platform
	$(UV) compile --universal --python-version 3.10 --extra dev --generate-hashes --no-header \
		--upgrade pyproject.toml --output-file requirements.lock
	$(UV) compile --universal --python-version 3.10 --extra dev --extra frameworks --generate-hashes \
		--no-header --upgrade --constraint requirements.lock pyproject.toml --output-file frameworks.lock

clean:
	rm -rf .venv
