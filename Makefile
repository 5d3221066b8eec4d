# `make demo` and `make test` need Python >= 3.10 and make, and set up everything else themselves.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LANGUAGE_OPTION := $(if $(FENSHEN_LANG),--lang $(FENSHEN_LANG))

ifneq ($(filter zh%,$(or $(FENSHEN_LANG),$(LC_ALL),$(LC_MESSAGES),$(LANG))),)
INSTALLING := 正在把 Fenshen 及其依赖（PyTorch、MediaPipe 等）安装到 $(VENV)，只需下载一次……
else
INSTALLING := Installing Fenshen with its dependencies (PyTorch, MediaPipe and others) in $(VENV); they are downloaded once.
endif

.PHONY: demo test lint docs bench clean

demo: $(VENV)/installed-demo
	$(BIN)/fenshen demo --out demo --force $(LANGUAGE_OPTION)

test: $(VENV)/installed-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy
	$(BIN)/pytest -n 2 --dist loadfile

lint: $(VENV)/installed-dev
	$(BIN)/ruff check --fix . && $(BIN)/ruff format . && $(BIN)/mypy

docs: $(VENV)/installed-dev
	$(BIN)/pip install -q -c constraints.txt -e '.[docs]'
	$(BIN)/mkdocs build --strict

bench: $(VENV)/installed-dev
	$(BIN)/python benchmarks/all.py

$(VENV)/installed-demo: pyproject.toml constraints.txt
	@echo '$(INSTALLING)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e '.[demo]'
	touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt
	@echo '$(INSTALLING)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install -q -c constraints.txt -e '.[dev,all]'
	touch $(VENV)/installed-demo $@

clean:
	rm -rf $(VENV) demo site build dist
