VENV ?= .venv
PYTHON = $(VENV)/bin/python

.PHONY: install install-dev atlas run check test test-all test-quick budget pocket pictures bench

install: $(VENV)/installed  ## the app and its libraries

install-dev: $(VENV)/installed-dev  ## what tests and checks need besides

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	$(PYTHON) -m pip install -q -r requirements-dev.txt
	touch $@

$(VENV)/installed: requirements.txt
	test -x $(PYTHON) || python3 -m venv $(VENV)
	$(PYTHON) -m pip install -q -r requirements.txt
	$(PYTHON) -c "from wechsel_core.projection import compile_ahead; compile_ahead()"
	touch $@

run: install  ## the app, on loopback
	$(PYTHON) -m streamlit run app.py

atlas: install  ## the optional view of the whole vocabulary, without the libraries that it does not need here
	$(PYTHON) -m pip install -q --no-deps -r requirements-atlas.txt

check: install-dev  ## style and types
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

test: install-dev  ## every test that needs neither the internet nor a GPU, the browser's too
	$(PYTHON) -m pytest -n 2 --dist loadfile -rsR --rerun-show-tracebacks -m "not hub and not gpu and not budget"

test-all: test

test-quick:  ## without the slow tests and the browser
	$(PYTHON) -m pytest

budget: install-dev  ## how long the app takes to answer, on an idle machine
	WECHSEL_QUIET=1 WECHSEL_NEED_BROWSER=1 $(PYTHON) -m pytest -m budget tests/e2e/test_budget.py

pocket:  ## build the pocket tier anew (hours; see wechsel_core/pocket/CARD.md)
	$(PYTHON) -m wechsel_core.pocket.build

pictures: install-dev  ## docs/pictures: every page, light, dark and narrow
	WECHSEL_KEEP_PICTURES=1 WECHSEL_NEED_BROWSER=1 $(PYTHON) -m pytest -m "not hub and not gpu" tests/e2e/test_gallery.py

bench: install  ## measure against the reference and others; writes docs/performance.md (half an hour on a quiet machine)
	$(PYTHON) -m benchmarks.run $(BENCH)
	$(PYTHON) -m benchmarks.training
