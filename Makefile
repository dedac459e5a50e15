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
	  echo "Python could not make a virtual environment; on Debian and Ubuntu install it: apt-get install python3-venv"; exit 1; }

$(STAMP): requirements.txt | $(BIN)/python
	@echo "Installing the packages of requirements.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(STAMP_DEV): requirements-dev.txt | $(BIN)/python
	@echo "Installing the packages of requirements-dev.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@ $(STAMP)

.PHONY: up
up: $(STAMP) ## run the console with everything it needs (PORT=8000 DATA_DIR=var SIMULATE=2 ...)
	@exec $(BIN)/python manage.py up

.PHONY: test
test: $(STAMP_DEV) ## every test, on a fresh machine too (PYTEST="-k word" for some)
	@$(BIN)/python -m tests.install_needs
	@$(BIN)/python -m pytest $(PARALLEL) $(PYTEST)
	@$(BIN)/python -m tests.on_postgresql $(PARALLEL) $(PYTEST)

# Most tests wait for something most of their time.
PARALLEL := -n 3 --dist loadgroup

.PHONY: chaos
chaos: $(STAMP_DEV) ## long runs under faults (CELL=killed-workers SECONDS=90 SEED=7 RATE=300)
	@CELL="$(CELL)" SECONDS="$(SECONDS)" SEED="$(SEED)" RATE="$(RATE)" $(BIN)/python -m tests.chaos
	@test -n "$(CELL)" || $(BIN)/python -m pytest -m long

.PHONY: check
check: $(STAMP_DEV) ## formatting, lint, types, import ladder, templates, migrations, event types, deployment settings
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/djlint --quiet --lint templates
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy --no-error-summary
	$(BIN)/python -m tests.check_requirements
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec docker-compose.yml
	$(BIN)/python -Werror manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py registry check --against docs/registry.json --complete
	@echo "manage.py check --deploy with production settings"
	@data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT && env DATA_DIR="$$data" $(PRODUCTION) \
	  $(BIN)/python -Werror manage.py check --deploy --fail-level WARNING

# Made up, but of the form that a real deployment has.
PRODUCTION := ENVIRONMENT=production ALLOWED_HOSTS=console.example.com \
  ORIGINS=https://console.example.com REDIS_URL=rediss://bus.example.com:6379/0 \
  DATABASE_URL=postgresql://astra@sql.example.com/astra \
  SECRET_KEY=not-the-real-one-but-as-long-as-one-0123456789-abcdefghijklmnop

.PHONY: screenshots
screenshots: $(STAMP_DEV) ## take the pictures of the README, of a console started for them
	@$(BIN)/python -m tests.install_needs
	@$(BIN)/python -m tests.browser.screenshots

.PHONY: requirements
requirements: | $(STAMP_DEV) ## compile the hash-pinned requirement files anew
	@UV_CUSTOM_COMPILE_COMMAND="make requirements" $(BIN)/uv pip compile --quiet --universal --generate-hashes \
	  --no-emit-index-url --python-version 3.11 requirements.in -o requirements.txt
	@UV_CUSTOM_COMPILE_COMMAND="make requirements" $(BIN)/uv pip compile --quiet --universal --generate-hashes \
	  --no-emit-index-url --python-version 3.11 -c requirements.txt requirements-dev.in -o requirements-dev.txt
