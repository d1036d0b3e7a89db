PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := .ci/constraints.txt
CLUSTER := --constraint .ci/constraints-cluster.txt
PIP_INSTALL = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS)
PORT ?= 3000
export STUDIO_PORT ?= 8080
export DAGSTER_HOME := $(CURDIR)/dagster_home
export FLAMINGO_BARK_DATA ?= $(CURDIR)/data
# Tests start hundreds of processes: each would compile the whole package again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install demo cluster cluster-demo cluster-test test ui studio lint docs pictures clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml $(CONSTRAINTS)
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed; set PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || { echo "$(PYTHON) is not Python 3.11; set PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@# torch first, by its exact release: where the CPU's build has a label of its own, a range would take the CUDA one.
	$(PIP_INSTALL) "$$(grep '^torch==' $(CONSTRAINTS))"
	$(PIP_INSTALL) --editable '.[train,dev]'
	$(BIN)/flamingo-bark --quiet warm-up
	@touch $@

demo: install
	$(BIN)/flamingo-bark demo

# The extra for many machines, see docs/many-machines.md.
cluster: install
	$(PIP_INSTALL) $(CLUSTER) --editable '.[cluster,kubernetes]'

cluster-demo: cluster
	$(BIN)/python -m tests.cluster_demo

cluster-test: cluster
	$(PIP_INSTALL) $(CLUSTER) kubernetes-validate
	$(BIN)/pytest -n 0 tests/test_cluster.py tests/test_kubernetes.py tests/test_packaging.py

test: install lint
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.reference --check

docs: install
	$(BIN)/python -m tests.reference

pictures: install
	mkdir -p docs/pictures
	STUDIO_PICTURES=docs/pictures $(BIN)/pytest -n 0 tests/test_studio_walk.py

ui: install
	$(BIN)/flamingo-bark ui --port $(PORT)

studio: install
	$(BIN)/flamingo-bark studio

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache
