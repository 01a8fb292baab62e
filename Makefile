# `make demo` and `make test` each set up all they need in .venv.
#   make flow ARGS="round-2 -S rounds.round-2.pseudo_label.portion=0.3 --parallel 2"
PYTHON ?= python3
# Another build of torch, as pip's own arguments:
#   make demo TORCH="torch==2.14.1+cpu torchvision==0.29.1+cpu --index-url <PyTorch's CPU index>"
TORCH ?= torch==2.14.1 torchvision==0.29.1
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DVC_NO_ANALYTICS := 1
export DO_NOT_TRACK := 1

.DEFAULT_GOAL := help
.PHONY: help demo mend look flow ui serve test test-flow test-cluster test-slow test-outside test-browser has-chromium bench check audit clean

help:  ## list these commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: mend  ## set up, then train and adapt on the built-in streets
	dvc repro
	@segue rounds

mend: .venv/ready  ## repair DVC's own files after a kill
	@python -m pipeline.flow.mend

look:  ## open the page with each image in each round; PORT=8000: serve it, for ssh -L
	@$(PYTHON) -P pipeline/look/open.py $(PORT)

flow: .venv/ready-flow  ## the main job as a Prefect flow; ARGS: rounds, stages, -S KEY=VALUE, --parallel N
	python -m pipeline.flow $(ARGS)

ui: .venv/ready-flow  ## Prefect's pages at http://127.0.0.1:4200, until Ctrl-C
	prefect server start

serve: .venv/ready-flow  ## beside `make ui`: a worker for its Run and Cancel buttons, until Ctrl-C
	python -m pipeline.flow --serve

test: .venv/ready-dev  ## set up, and run the tests
	python -m pytest -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test-flow: .venv/ready-dev .venv/ready-flow  ## the tests that need Prefect
	python -m pytest -m flow

test-cluster: .venv/ready-dev .venv/ready-cluster  ## the tests that need Ray; minutes
	python -m pytest -m cluster

test-slow: .venv/ready-dev  ## the tests that take minutes
	python -m pytest -m "slow and not cluster"

test-outside: .venv/ready-dev .venv/outside/ready  ## the tests against packages that do not install beside ours
	python -m pytest -m outside

test-browser: has-chromium .venv/ready-browser .venv/ready-flow  ## the look page and Prefect's, in Chromium
	python -m pytest -o addopts="-q --strict-markers --import-mode=importlib" -m browser tests/browser

has-chromium:
	@for tool in chromium chromedriver; do command -v $$tool > /dev/null || { \
	  echo "test-browser needs $$tool on the path; on Debian: apt-get install chromium chromium-driver"; exit 1; }; done

bench: .venv/ready-bench  ## time, exactness, disk and memory of pseudo-labels; 15 minutes, on an idle machine
	PYTHONPATH=.venv/bench python benchmarks/pseudo_labels.py

check: .venv/ready-dev .venv/ready-flow  ## lint, format, types, architecture, security
	ruff check
	ruff format --check
	mypy
	lint-imports --no-logo

audit: .venv/audit/ready  ## look up known vulnerabilities of the packages, from PyPI; ARGS="-s osv": from OSV
	.venv/audit/bin/pip-audit --requirement requirements.txt --no-deps --disable-pip $(ARGS)

clean:  ## remove what the pipeline made; DVC's cache stays
	rm -rf data/raw data/prepared data/sources data/translators data/rounds data/unfinished
	find models reports -mindepth 1 ! -name README.md ! -name none.pt -delete

PIP = $(BIN)/pip install --disable-pip-version-check
# pip's lines that tell how far it is, cut short; its errors go by, and its exit status counts
BRIEF = import sys; told = ["Collecting"], ["Downloading"], ["Processing"], ["Installing"]; \
  [print(line.strip()[:96]) for line in sys.stdin if line.split()[:1] in told]
install = @{ $(PIP) --constraint requirements.txt --editable $(1); echo $$? > .venv/exit; } \
  | $(PYTHON) -uc '$(BRIEF)'; exit $$(cat .venv/exit)

# torch first and by itself: TORCH decides its build, and the rest then finds it satisfied
.venv/ready: pyproject.toml requirements.txt
	@echo "Setting up .venv: first torch, by far the largest download, then what else is needed"
	@$(PYTHON) -m venv .venv
	@$(PIP) $(TORCH)
	$(call install,.)
	@touch $@

.venv/ready-dev: .venv/ready
	$(call install,'.[dev]')
	@touch $@

.venv/ready-browser: .venv/ready-dev
	$(call install,'.[browser]')
	@touch $@

.venv/ready-flow: .venv/ready
	$(call install,'.[flow]')
	@touch $@

.venv/ready-cluster: .venv/ready
	$(call install,'.[cluster]')
	@touch $@

# beside the others: where torchmetrics is installed, Lightning Fabric imports it at every start
.venv/ready-bench: .venv/ready-dev
	$(PIP) --no-deps --target .venv/bench torchmetrics==1.9.0
	@touch $@

# by itself: Datumaro wants an older pandas than this project
.venv/outside/ready: Makefile
	$(PYTHON) -m venv .venv/outside
	.venv/outside/bin/pip install --disable-pip-version-check datumaro==1.13.12 cleanlab==2.9.0
	.venv/outside/bin/pip install --disable-pip-version-check --no-deps label-studio-converter==0.0.59
	touch $@

# by itself: what it needs is no part of the project's environment
.venv/audit/ready:
	$(PYTHON) -m venv .venv/audit
	.venv/audit/bin/pip install --disable-pip-version-check pip-audit==2.10.1
	touch $@
