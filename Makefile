# `make demo` and `make test` need Python >= 3.10 and make, and set up everything else themselves.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LANGUAGE_OPTION := $(if $(FENSHEN_LANG),--lang $(FENSHEN_LANG))

.PHONY: demo test lint docs bench clean

demo: $(VENV)/installed
	$(BIN)/fenshen demo --out demo --force $(LANGUAGE_OPTION)

test: $(VENV)/installed-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	$(BIN)/pytest

lint: $(VENV)/installed-dev
	$(BIN)/ruff check --fix . && $(BIN)/ruff format . && $(BIN)/mypy

docs: $(VENV)/installed-dev
	$(BIN)/pip install -q -c constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build --strict

bench: $(VENV)/installed-dev
	$(BIN)/python benchmarks/all.py

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e .
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	touch $(VENV)/installed $@

clean:
	rm -rf $(VENV) demo site build dist
