# Two commands for a newcomer: `make demo` and `make test`. Both install what they need.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The tests start many processes: compiled modules halve the time of each start.
export PYTHONDONTWRITEBYTECODE :=
TESTED := gateway bus consumers runtime starface panel texts cli tests

.PHONY: demo test types suite test-long test-estate check install deb release lock clean

demo: $(STAMP)
	@deploy/mosquitto optional
	@$(BIN)/starface2mqtt demo $(if $(ONCE),--once)

test: $(STAMP)
	@deploy/mosquitto required
	@deploy/virtual-display
	@deploy/browser $(VENV)/share
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(MAKE) --no-print-directory --jobs 2 types suite

# Types are checked on one core: beside the tests, and after them in rank.
types: $(STAMP)
	nice $(BIN)/mypy $(TESTED)

# Compiled once before, not by each worker; more workers than cores, as most tests wait for others.
suite: $(STAMP)
	@$(BIN)/pytest --collect-only --quiet >/dev/null
	$(BIN)/pytest -n 8 --dist worksteal -m "not long"

test-long: $(STAMP)
	@deploy/mosquitto required
	@deploy/rabbitmq
	@deploy/virtual-display
	@deploy/browser $(VENV)/share
	@$(BIN)/pip install --quiet --only-binary :all: --require-hashes -r tests/fuzz/requirements.txt \
		|| echo "There is no atheris for this machine; the fuzzing goes on without it."
	$(BIN)/pytest -m long --timeout 3600

# A site on two machines, ten minutes of faults for each kind of broker.
test-estate: $(STAMP)
	@deploy/mosquitto required
	@deploy/rabbitmq
	$(BIN)/pytest -m "long or not long" --timeout 3600 -s tests/estate/test_machines.py

# What one runs before a commit.
check: $(STAMP)
	$(BIN)/ruff format --check . && $(BIN)/ruff check . && $(BIN)/mypy $(TESTED)

install: $(STAMP)

$(STAMP): pyproject.toml requirements.lock
	@deploy/virtual-environment $(PYTHON) $(VENV)
	@touch $(STAMP)

# Versions with hashes: of everything, and of what the package holds. Commit both with pyproject.toml.
LOCK := uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url \
	--no-emit-find-links --no-annotate --python-version 3.11 pyproject.toml
lock: $(STAMP)
	$(BIN)/pip install --quiet uv
	$(BIN)/$(LOCK) --upgrade --all-extras -o requirements.lock
	$(BIN)/$(LOCK) --constraint requirements.lock --extra server --extra importers \
		-o deploy/debian/requirements.lock

# The Debian package for this machine's Debian and processor, in build/.
deb:
	@deploy/debian/build

# Package, wheel, sdist, SBOM, notes and checksums, in build/release.
release: $(STAMP)
	@deploy/release

clean:
	rm -rf $(VENV) .demo build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
