# Two commands: `make submission` and `make test`.

CONFIG ?= configs/sample.yaml
SET ?=
PYTHON ?= python3
VENV ?= .venv
TORCH ?=
VERSIONS ?=

PY := $(or $(wildcard $(VENV)/bin/python),$(wildcard $(VENV)/bin/python3),$(VENV)/bin/python)
STAMP := $(VENV)/installed
# An environment outside of this folder (of another clone, Colab, Kaggle, conda), or that VENV names and make did not make,
# is used as it is.
OUTSIDE := $(if $(filter $(realpath .)/%,$(realpath $(VENV))),,yes)
NAMED := $(and $(filter command environment,$(origin VENV)),$(if $(wildcard $(STAMP)),,yes))
FOUND := $(and $(wildcard $(PY)),$(or $(OUTSIDE),$(NAMED)))
STEPS := 00_draw_sample 01_prepare 02_train_text 03_denoise 04_train_image 05_train_dcl 06_train_joint 07_fuse \
	08_vote 09_predict 10_validate

PAPERS := walmart_sample amazon_sample

# One more than there are cores, because many tests wait for processes; each takes up to 2 GB of memory.
WORKERS ?= $(shell n=$$(nproc 2> /dev/null || echo 2); echo $$((n < 7 ? n + 1 : 8)))
PYTEST = OMP_NUM_THREADS=1 $(PY) -m pytest --numprocesses $(WORKERS) --dist worksteal

.PHONY: submission compare serve test test-fast test-clusters docs figures notebooks lint env check-environment

# From the catalogue to a submission and its score table; what is done already is skipped.
# make submission CONFIG=configs/rakuten.yaml SET="--set catalogue.root=data/rakuten"
# The summary is asked for first and last. Of a finished experiment it is all there is to do; its status is 3 if there is
# something to do, and 4 if that cannot be known, because the code has changed. It holds what the scripts print.
submission: SUMMARY = $(PY) src/10_validate.py --config $(CONFIG) $(SET) --summary
submission: env
	@$(SUMMARY); status=$$?; [ $$status -eq 3 ] || [ $$status -eq 4 ] || exit $$status; \
	for step in $(STEPS); do $(PY) src/$$step.py --config $(CONFIG) $(SET) > /dev/null || exit; done; \
	$(SUMMARY) || [ $$? -eq 4 ]

# The catalogue config beside what people would use instead, on your catalogue: docs/benchmarks.md.
# make compare CATALOGUE=path/to/folder SET="--set split.test_fraction=0.3" SEEDS="2020 2021" AUTOGLUON=its/bin/python
compare: CONFIG = configs/catalogue.yaml
compare: env
	@test -n "$(CATALOGUE)" || { echo "error: name a folder: make compare CATALOGUE=path/to/folder" >&2; exit 2; }
	@PYTHONPATH=src $(PY) tests/benchmarks/compare.py "$(CATALOGUE)" --config $(CONFIG) $(SET) $(if $(SEEDS),--seeds $(SEEDS)) \
		$(if $(AUTOGLUON),--autogluon $(AUTOGLUON))

# An exported model as an HTTP service, with a page to try it: docs/serving.md. Options of the script: SET="--max-seconds 10".
# make serve MODEL=models/my_shop HOST=0.0.0.0 PORT=8080; a HOST or PORT in the environment has no effect.
serve: env
	@test -n "$(MODEL)" || { echo "error: name an exported model: make serve MODEL=models/my_shop" >&2; exit 2; }
	@exec $(PY) src/15_serve.py --model "$(MODEL)" $(if $(filter command,$(origin HOST)),--host "$(HOST)") \
		$(if $(filter command,$(origin PORT)),--port "$(PORT)") $(SET)

# Everything. Tests whose precision is that of the machine run twice, as if it had bfloat16 and as if it had not.
test: lint
	$(PYTEST) --ignore tests/clusters

# The unit tests, with fewer fuzzed examples: some three minutes on 2 cores.
test-fast: env
	$(PY) -m ruff check src tests notebooks
	HYPOTHESIS_PROFILE=fast $(PYTEST) tests/unit

# Prediction with Ray and Spark, on clusters of this machine: needs Java. Both are installed, but not into an environment
# that is used as it is. Minutes.
test-clusters: env
	$(if $(FOUND),@$(PY) -c 'import pyspark; import ray' 2> /dev/null \
		|| { echo "error: install requirements-clusters.txt into $(VENV)" >&2; exit 2; } \
		,$(VENV)/bin/pip install --quiet --requirement requirements-clusters.txt)
	OMP_NUM_THREADS=1 $(PY) -m pytest tests/clusters

# The site of docs/ into site/, by MkDocs Material in an environment of its own; the config reference is written first.
docs: env
	PYTHONPATH=src $(PY) docs/generate/config_reference.py
	@test -x .venv-docs/bin/mkdocs || $(PYTHON) -m venv .venv-docs
	@.venv-docs/bin/pip install --quiet --requirement requirements-docs.txt
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet

# The figures of README and docs, from finished runs: make figures RUNS="sample". The picture of the report, which is that
# of the first run, needs Chromium and requirements-browser.txt.
figures: env
	PYTHONPATH=src $(PY) docs/generate/figures.py $(RUNS)
	$(if $(RUNS),@if $(PY) -c 'import selenium' 2> /dev/null; \
		then $(PY) docs/generate/screenshots.py submissions/$(firstword $(RUNS))/report.html; \
		else echo "docs/figures/report.webp is as it was: install requirements-browser.txt" >&2; fi)

# The notebooks, stored with their outputs; before that the runs that they show, as far as they are not finished.
notebooks: env
	@for config in sample $(PAPERS); do $(MAKE) --no-print-directory submission CONFIG=configs/$$config.yaml SET= || exit; done
	@for config in $(PAPERS); do $(PY) src/16_paper_tables.py --config configs/$$config.yaml > /dev/null || exit; done
	$(PY) docs/generate/run_notebooks.py

lint: env
	$(PY) -m ruff check src tests notebooks
	$(PY) -m ruff format --check src tests notebooks
	$(PY) -m mypy

env: $(if $(FOUND),check-environment,$(STAMP))

check-environment:
	@$(PY) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "error: $(PY): Python 3.11 or newer is needed")'
	@PYTHONPATH=src $(PY) -m latefusion.utils.requirements $(if $(filter any,$(VERSIONS)),--any-version) \
		$(if $(filter test% lint,$(MAKECMDGOALS)),--all)

WITH_CUDA := , with CUDA: about 6 GB
# TORCH=cpu: the builds of torch without CUDA, which are smaller, from PyTorch's own index.
$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	@echo "$(VENV): installing PyTorch and the other packages of requirements.txt$(if $(filter cpu,$(TORCH)),,$(WITH_CUDA))." \
		"pip shows nothing for several minutes; if it is interrupted, run make again."
	$(PYTHON) -m venv $(VENV)
	$(if $(filter cpu,$(TORCH)),grep -E '^torch(vision)?==' requirements.txt > $(VENV)/torch.txt && $(VENV)/bin/pip install \
		--quiet --index-url https://download.pytorch.org/whl/cpu --requirement $(VENV)/torch.txt)
	$(VENV)/bin/pip install --quiet --requirement requirements.txt
	$(VENV)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)
