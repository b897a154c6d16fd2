# Two commands: `make book` and `make test`. `make` alone lists them all.
# Stamps live inside .venv and _build, so deleting either starts it afresh.

PYTHON ?= python3
SERVE  ?= 1
PORT   ?= 0
LAB    ?=
JOBS   ?= $(shell getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)

VENV := .venv
BIN  := $(VENV)/bin
READY := $(VENV)/.handgrad
BUILT := _build/.complete

FOLDERS   := book solutions exercises
NOTEBOOKS  = $(shell find $(FOLDERS) -name '*.ipynb' -not -path '*/.*' 2>/dev/null | sort)
# book/. is the folder itself, whose time tells that a chapter was deleted (`book` is a target's name).
BOOK_FILES = _config.yml _toc.yml requirements.txt book/. \
             $(shell find book -mindepth 1 \( -name '.*' -o -name __pycache__ \) -prune -o -print)
BROWSERS  := chromium chromium-browser google-chrome google-chrome-stable

.DELETE_ON_ERROR:
.PHONY: help setup book test chromium notebooks lab bench clean

help:
	@echo 'make book        build the book, serve it on this machine and print the address'
	@echo '                 SERVE=0 builds and exits; PORT=8000 chooses the port'
	@echo 'make test        everything: style, types, tests, every notebook run again'
	@echo 'make lab         open JupyterLab on the notebooks; LAB=--no-browser passes an option on'
	@echo 'make notebooks   run every notebook from top to bottom and store its outputs'
	@echo 'make bench       the benchmarks (installs torch first)'
	@echo 'make clean       delete the built book'
	@echo
	@echo 'Needed: Python 3.11 or newer (PYTHON=python3.12 chooses one), git and make.'

# ---- set-up -------------------------------------------------------------------------------------

setup: $(READY)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo 'make: $(PYTHON) is missing or older than Python 3.11'; \
	  echo '  next: install Python 3.11 or newer, or name one: make book PYTHON=python3.12'; exit 1; }
	@echo 'Making $(VENV)'
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); \
	  echo 'make: $(PYTHON) cannot make a virtual environment'; \
	  echo '  next: on Debian and Ubuntu, apt-get install python3-venv'; exit 1; }

# Matplotlib builds its font cache at the first import and says so on stderr, which no notebook may store.
$(VENV)/.requirements: requirements.txt | $(BIN)/python
	@echo 'Installing requirements.txt (some minutes, once)'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -c 'import matplotlib.font_manager' 2>/dev/null
	@touch $@

$(READY): pyproject.toml $(VENV)/.requirements
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@git config diff.ipynb.textconv '$(BIN)/python -m jupytext --quiet --to md:myst --output -' 2>/dev/null || true
	@touch $@

# The browser tests drive a Chromium that the machine has; nothing is downloaded but by its package manager.
chromium:
	@test -n "$$CHROMIUM" && exit 0; \
	for name in $(BROWSERS); do command -v $$name >/dev/null 2>&1 && exit 0; done; \
	if [ "$$(id -u)" = 0 ]; then sudo=; else sudo='sudo -n'; fi; \
	if command -v apt-get >/dev/null 2>&1; then \
	  echo 'Installing Chromium for the browser tests'; \
	  $$sudo apt-get -qq update && \
	  DEBIAN_FRONTEND=noninteractive $$sudo apt-get -qq install -y --no-install-recommends \
	    -o DPkg::Lock::Timeout=300 chromium >/dev/null && exit 0; \
	fi; \
	echo 'make: no Chromium found, and it cannot be installed from here'; \
	echo '  next: install Chromium or Chrome, or name its program: make test CHROMIUM=/path/to/chrome'; exit 1

# ---- the book -----------------------------------------------------------------------------------

# Always clean: an incremental build hides the warnings of pages that it does not read again.
$(BUILT): $(BOOK_FILES) | $(READY)
	@rm -rf _build
	$(BIN)/jupyter-book build . -W -n --keep-going -q
	@touch $@

book: $(BUILT)
	@if [ '$(SERVE)' = 0 ]; then echo 'The book: $(CURDIR)/_build/html/index.html'; else \
	  echo 'The book is served at the address below; Ctrl-C ends it.'; \
	  $(BIN)/python -u -m http.server $(PORT) --bind 127.0.0.1 --directory _build/html 2>/dev/null; fi

# ---- tests --------------------------------------------------------------------------------------

test: $(READY) chromium
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy
	@$(MAKE) --no-print-directory book SERVE=0
	$(BIN)/handgrad grade --prepare
	$(BIN)/python -m pytest -q -n $(JOBS) --dist loadfile
	@if [ -z '$(NOTEBOOKS)' ]; then echo 'no notebooks yet'; else \
	  echo 'running $(words $(NOTEBOOKS)) notebooks and comparing their outputs'; \
	  PYTHONWARNINGS=error $(BIN)/python -m pytest -q --nbval --nbval-current-env \
	    -p no:cacheprovider -n $(JOBS) --dist loadfile $(NOTEBOOKS); fi

# ---- notebooks ----------------------------------------------------------------------------------

notebooks: $(READY)
	@$(BIN)/python -m handgrad.homework.execute --jobs $(JOBS) $(NOTEBOOKS)

# Untrusted notebooks, which is what a fresh clone has, lose their drawings in JupyterLab.
lab: $(READY)
	@test -z '$(NOTEBOOKS)' || $(BIN)/python -m nbformat.sign $(NOTEBOOKS) >/dev/null
	@$(BIN)/python -m jupyterlab $(LAB)

# ---- benchmarks ---------------------------------------------------------------------------------

$(VENV)/.bench: pyproject.toml $(READY)
	@echo 'Installing what the benchmarks compare with'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation -e '.[bench]'
	@touch $@

bench: $(VENV)/.bench
	@$(BIN)/python -m benchmarks

clean:
	@rm -rf _build
