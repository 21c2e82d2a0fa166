# Every target sets up what it needs. `make` alone lists them.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# The first of these that is new enough makes the environment.
PYTHON ?= python3 python3.11 python3.12 python3.13 python
.DEFAULT_GOAL := help
.PHONY: help setup study test test-browser fast readme model export docs screenshots pictures pictures-app bench clean

help:
	@echo 'make setup            .venv with everything in it, once (a few minutes, mostly PyTorch)'
	@echo 'make study            the whole study into runs/study; goes on where it stopped'
	@echo 'make study QUICK=1    a small one into runs/quick'
	@echo 'make test             everything that must pass'
	@echo 'make test-browser     in Chromium: the page of `microplastic-aging app`, and the built site after make docs'
	@echo 'make export           notebooks -> package modules, notebooks cleaned'
	@echo 'make fast             what a change should pass in two minutes'
	@echo 'make readme           README.md from its template and reference results, MODEL_CARD.md from the shipped model'
	@echo 'make model            the model that comes with the package, trained again (minutes)'
	@echo 'make screenshots      pictures of report and prediction page into nbs/figures (minutes; needs Chromium)'
	@echo 'make pictures-app     pictures of the page in the browser into nbs/figures (a minute; needs Chromium)'
	@echo 'make pictures         saved pictures of the notebooks in 256 colours, where that does not show: half the bytes'
	@echo 'make bench            speed as ratios, into microplastic_aging/assets/results; leave the machine alone meanwhile'
	@echo 'make docs             the site into _docs (needs Quarto)'
	@echo 'make clean            remove what the other targets made, but not runs/'
	@echo 'ARGS="..." is handed to the command behind study and test; PYTHON=... names the Python for setup.'

setup: $(READY)

$(READY): settings.ini pyproject.toml setup.py
	@for p in $(PYTHON); do \
	  if "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found="$$p"; break; fi; done; \
	if [ -z "$$found" ]; then \
	  echo "Python 3.11 or newer is needed; here $(firstword $(PYTHON)) is: $$($(firstword $(PYTHON)) --version 2>&1 || true)." >&2; \
	  echo "Install one, or name it: make setup PYTHON=python3.12" >&2; exit 1; fi; \
	echo "Setting up $(VENV) with $$($$found --version). PyTorch is large: this takes minutes and, on Linux, about 6 GB of disk."; \
	"$$found" -m venv $(VENV) || exit 1; \
	( s=0; while sleep 15; do s=$$((s+15)); echo "  still installing, $$((s/60)) min $$((s%60)) s"; done ) & tick=$$!; \
	trap 'kill $$tick 2>/dev/null' EXIT; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]' || exit 1; \
	if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then $(BIN)/nbdev-install-hooks && $(BIN)/pre-commit install >/dev/null || exit 1; fi; \
	touch $(READY); echo "$(VENV) is ready: make study, or '. $(BIN)/activate' and then microplastic-aging --help."

study: $(READY)
	@$(BIN)/microplastic-aging study $(if $(filter-out 0,$(QUICK)),--quick) $(ARGS)

test: $(READY)
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup $(ARGS)

# What a screen shows; skipped, with the reason, without Chromium or the built site.
test-browser: $(READY)
	@$(BIN)/python -m pytest -rs tests/test_app_browser.py tests/test_app_attacks.py tests/test_browser.py $(ARGS)

# The project's own tests, and the pages that take seconds.
fast: $(READY)
	@$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup -m 'not slow' $(ARGS)

readme: $(READY)
	@$(BIN)/python .ci/readme.py
	@$(BIN)/python .ci/model_card.py

model: $(READY)
	@$(BIN)/python .ci/default_model.py
	@$(BIN)/python .ci/model_card.py

screenshots: $(READY)
	@$(BIN)/python .ci/screenshots.py $(ARGS)

# The test that looks at every screen keeps pictures of them.
pictures-app: $(READY)
	@MPA_APP_PICTURES=nbs/figures $(BIN)/python -m pytest -q tests/test_app_browser.py -k 'serious_finding and 1280-light'

pictures: $(READY)
	@$(BIN)/python .ci/small_pictures.py $(ARGS)

export: $(READY)
	@$(BIN)/nbdev-export && $(BIN)/nbdev-clean
	@for text in CHANGELOG CONTRIBUTING; do cp $$text.md nbs/$$(echo $$text | tr A-Z a-z).md; done

# What is compared against is installed here only; `.ready-bench` says that it is.
$(VENV)/.ready-bench: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]' && touch $@

# Half an hour and more: run by name, `python benchmarks/ceiling.py`.
LONG := benchmarks/ceiling.py benchmarks/finetune.py benchmarks/stream.py

# Each script but the fuzzers and tamper.py writes a small summary into microplastic_aging/assets/results; the page studies/07_speed shows it.
bench: $(VENV)/.ready-bench
	@for script in $(filter-out benchmarks/fuzz_% benchmarks/tamper.py $(LONG),$(wildcard benchmarks/*.py)); do $(BIN)/python "$$script" $(ARGS) || exit 1; done

docs: $(READY)
	@command -v quarto >/dev/null || { \
	  echo 'The site is rendered by Quarto (1.7 or newer), which is not installed here.' >&2; \
	  echo 'Get it from https://quarto.org/docs/get-started, see that `quarto --version` answers, then run make docs again.' >&2; \
	  echo 'Nothing else needs it: make test stages every page without it.' >&2; exit 1; }
	@rm -rf _proc # lists and links rest on every page, not only on those that changed
	@PATH="$(CURDIR)/$(BIN):$$PATH" PYTHONPATH="$(CURDIR)/.ci" nbdev-docs && echo 'The site: _docs/index.html'

clean:
	rm -rf $(VENV) _proc _docs build dist *.egg-info .pytest_cache .hypothesis
	find . -path ./runs -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -print0 | xargs -0 rm -rf
