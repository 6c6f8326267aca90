VENV ?= .venv
PYTHON = $(VENV)/bin/python

.PHONY: install install-dev run check test test-all pocket

install: $(VENV)/installed  ## the app and its libraries

install-dev: install  ## what tests and checks need besides
	$(PYTHON) -m pip install -q -r requirements-dev.txt

$(VENV)/installed: requirements.txt
	test -x $(PYTHON) || python3 -m venv $(VENV)
	$(PYTHON) -m pip install -q -r requirements.txt
	touch $@

run:  ## the app, on loopback
	$(PYTHON) -m streamlit run app.py

check:  ## style and types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

test:  ## the quick suite
	$(PYTHON) -m pytest

test-all:  ## everything that needs neither the internet nor a GPU
	$(PYTHON) -m pytest -m "not hub and not gpu"

pocket:  ## build the pocket tier anew (hours; see wechsel_core/pocket/CARD.md)
	$(PYTHON) -m wechsel_core.pocket.build
