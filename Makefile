# Two commands: `make submission` and `make test`.

CONFIG ?= configs/sample.yaml
SET ?=
PYTHON ?= python3
VENV ?= .venv

PY := $(VENV)/bin/python
STAMP := $(VENV)/installed
STEPS := 00_draw_sample 01_prepare 02_train_text 03_denoise 04_train_image 05_train_dcl 05b_train_joint 06_fuse \
	07_vote 08_predict 09_validate

.PHONY: submission test env

# From the catalogue to a submission and its score table; what is done already is skipped.
# make submission CONFIG=configs/rakuten.yaml SET="--set catalogue.root=data/rakuten"
submission: env
	@set -e; for step in $(STEPS); do $(PY) src/$$step.py --config $(CONFIG) $(SET); done

test: env
	$(PY) -m ruff check src tests notebooks
	$(PY) -m pytest

env: $(STAMP)

$(STAMP): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement requirements.txt
	@touch $(STAMP)
