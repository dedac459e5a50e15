# Astra Console: two commands matter, `make up` (run it) and `make test` (prove it).
# Needs only make and Python >= 3.11; everything else is installed into .venv.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
STAMP_DEV := .venv/.installed-dev

.PHONY: help
help: ## this list
	@grep -E '^[a-z.-]+:.*##' Makefile | sed -E 's/^([a-z.-]+):.*## /  make \1 - /'

.PHONY: .venv
.venv: $(STAMP) ## the virtual environment with what the console needs

.PHONY: .venv-dev
.venv-dev: $(STAMP_DEV) ## the same with what the tests need

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "Astra Console needs Python 3.11 or newer, and '$(PYTHON)' was not found; install it, or name it: make up PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Astra Console needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) -V 2>&1); name a newer one: make up PYTHON=/path/to/python3"; exit 1; }
	@echo "Making the virtual environment in .venv"
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
	  echo "Python could not make a virtual environment; on Debian and Ubuntu install python3-venv"; exit 1; }

$(STAMP): requirements.txt | $(BIN)/python
	@echo "Installing the packages of requirements.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(STAMP_DEV): requirements-dev.txt | $(BIN)/python
	@echo "Installing the packages of requirements-dev.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(STAMP)

.PHONY: requirements
requirements: | $(STAMP_DEV) ## compile the hash-pinned requirement files anew
	@UV_CUSTOM_COMPILE_COMMAND="make requirements" $(BIN)/uv pip compile --quiet --universal --generate-hashes \
	  --no-emit-index-url --python-version 3.11 requirements.in -o requirements.txt
	@UV_CUSTOM_COMPILE_COMMAND="make requirements" $(BIN)/uv pip compile --quiet --universal --generate-hashes \
	  --no-emit-index-url --python-version 3.11 -c requirements.txt requirements-dev.in -o requirements-dev.txt
