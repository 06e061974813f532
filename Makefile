# make demo     converts a bundled Keras program and verifies the result
# make test     passes the tests
# make fuzz     converts and verifies random programs: make fuzz N=1000 SEED=3
# All make a virtual environment in .venv first.

.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
DEMO := fixtures/cases/digits_convnet/keras.py

.PHONY: help demo test lint bench fuzz docs clean

help:
	@sed -n 's/^# //p' Makefile

.venv/ready: pyproject.toml constraints.txt
	$(if $(PYTHON),,$(error Python 3.11 or newer is needed))
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable '.[dev,verify-cpu]' --constraint constraints.txt
	@# tf_keras asks for the full tensorflow; it runs on tensorflow-cpu.
	$(BIN)/python -m pip install --quiet --no-deps tf_keras --constraint constraints.txt
	touch $@

demo: .venv/ready
	mkdir -p build/demo
	cp $(DEMO) build/demo/digits.py
	@echo '$$ transpile keras2torch build/demo/digits.py -o build/demo/digits_torch.py --verify'
	@$(BIN)/transpile keras2torch build/demo/digits.py -o build/demo/digits_torch.py --force \
		--verify 2> build/demo/report.txt; status=$$?; \
		if [ $$status -le 1 ]; then cat build/demo/digits_torch.py; echo; fi; \
		cat build/demo/report.txt; exit $$status

test: .venv/ready
	$(BIN)/pytest -n 2 -m "not slow"

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/ready
	@for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

N ?= 100
SEED ?= 1
fuzz: .venv/ready
	$(BIN)/python -m tests.fuzz $(N) $(SEED)

docs: .venv/ready
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache
