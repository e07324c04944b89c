# Two commands: `make submission` and `make test`.

CONFIG ?= configs/sample.yaml
SET ?=
PYTHON ?= python3
VENV ?= .venv

PY := $(VENV)/bin/python
STAMP := $(VENV)/installed
STEPS := 00_draw_sample 01_prepare 02_train_text 03_denoise 04_train_image 05_train_dcl 06_train_joint 07_fuse \
	08_vote 09_predict 10_validate

PYTEST = OMP_NUM_THREADS=1 $(PY) -m pytest --numprocesses 2 --dist worksteal
IN_ANY_PRECISION := $(addprefix tests/pipeline/test_, loop.py table_experiment.py joint.py pipeline.py)

.PHONY: submission compare serve test test-fast test-clusters lint env

# From the catalogue to a submission and its score table; what is done already is skipped.
# make submission CONFIG=configs/rakuten.yaml SET="--set catalogue.root=data/rakuten"
submission: env
	@set -e; for step in $(STEPS); do $(PY) src/$$step.py --config $(CONFIG) $(SET); done

# The catalogue config beside what people would use instead, on your catalogue: docs/benchmarks.md.
# make compare CATALOGUE=path/to/folder SET="--set split.test_fraction=0.3" SEEDS="2020 2021" AUTOGLUON=its/bin/python
compare: CONFIG = configs/catalogue.yaml
compare: env
	@test -n "$(CATALOGUE)" || { echo "error: name a folder: make compare CATALOGUE=path/to/folder" >&2; exit 2; }
	@$(PY) tests/benchmarks/compare.py "$(CATALOGUE)" --config $(CONFIG) $(SET) $(if $(SEEDS),--seeds $(SEEDS)) \
		$(if $(AUTOGLUON),--autogluon $(AUTOGLUON))

# An exported model as an HTTP service, with a page to try it: docs/serving.md. Options of the script: SET="--max-seconds 10".
# make serve MODEL=models/my_shop HOST=0.0.0.0 PORT=8080; a HOST or PORT in the environment has no effect.
serve: env
	@test -n "$(MODEL)" || { echo "error: name an exported model: make serve MODEL=models/my_shop" >&2; exit 2; }
	@exec $(PY) src/15_serve.py --model "$(MODEL)" $(if $(filter command,$(origin HOST)),--host "$(HOST)") \
		$(if $(filter command,$(origin PORT)),--port "$(PORT)") $(SET)

# Everything; then what computes in a precision once more, as if on a machine that has bfloat16 and on one that has not.
test: lint
	$(PYTEST) --ignore tests/clusters
	LATEFUSION_TEST_BF16=0 $(PYTEST) $(IN_ANY_PRECISION)
	LATEFUSION_TEST_BF16=1 $(PYTEST) $(IN_ANY_PRECISION)

# The unit tests, with fewer fuzzed examples: under a minute on 2 cores.
test-fast: env
	$(PY) -m ruff check src tests notebooks
	HYPOTHESIS_PROFILE=fast $(PYTEST) tests/unit

# Prediction with Ray and Spark, on clusters of this machine: it installs both, and needs Java. Minutes.
test-clusters: env
	$(VENV)/bin/pip install --quiet --requirement requirements-clusters.txt
	OMP_NUM_THREADS=1 $(PY) -m pytest tests/clusters

lint: env
	$(PY) -m ruff check src tests notebooks
	$(PY) -m ruff format --check src tests notebooks
	$(PY) -m mypy

env: $(STAMP)

$(STAMP): requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --requirement requirements.txt
	$(VENV)/bin/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $(STAMP)
