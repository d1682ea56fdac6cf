# Everything runs in one virtual environment, set up once and again when the requirements change.
#
#   make demo                the main job end to end, on the embedded default
#   make test                the tests (CPU only, no network but loopback)
#   make check               format, lint, types
#   make test-slow           tests that need the package registry or minutes of time, and more examples of the others
#   make ray                 the extra ray, and the tests on a cluster of two nodes on this machine
#   make lavis               LAVIS 1.0.2 in an environment of its own (2.3 GB): it reads our exports, and trains
#   make bench-generation    measure `emogen generate` beside bare aiohttp, and write the result files
#   make bench-scale         measure `emogen generate --engine ray` beside one process, and write the result files
#   make bench-sources       measure reading and selecting at the size of EmoSet-118K, and write the result files
#   make bench-exports       measure the export of half a million samples, and write the result files
#   make bench-report        measure a report on half a million samples, and write the result files
#   make bench-training      measure a step of tuning beside transformers' plain forward, and write the result files
#   make bench-ranking       measure ranking 25 labels beside one forward pass, and write the result files
#   make reproduce-nano      the paper's Table 2 on emoji drawings, LABELS=EmoTag1200-scores.csv; hours on two cores
#   make reproduce-nano-full the same with three seeds and the shares of Table 4, for a night
#   make readme              run the demonstration and write its output into README.md
#   make readme-check        run the demonstration and compare it with README.md
#   make docs                the documentation as a site that opens from the disk: site/index.html
#   make commands            write docs/commands.md from the programs' own help
#   make scaling             write the arithmetic of docs/scaling.md from the price table and the results of benchmarks
#
# PYTHON       the interpreter that makes the environment (3.11 or newer)
# LAVIS_VENV   where `make lavis` puts LAVIS' environment
# TORCH_INDEX  an extra package index that carries CPU builds of torch. A plain install brings several GB of
#              CUDA libraries: outside of an environment that knows better, use
#                make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu

PYTHON ?= python3
VENV ?= .venv
LAVIS_VENV ?= .venv-lavis
TORCH_INDEX ?=
EXTRAS := local,perception,report,syntax,tables,see,dedup,embeddings,train,tensorboard,evaluate,demo,docs,dev
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# LAVIS 1.0.2 for the tests: it pins libraries of 2023 and would put packages called tests and docs on the path.
# Asked in the shell: make would ask before there is an environment.
LAVIS_APART = $$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/salesforce_lavis_apart
# Sums depend on how many threads share them: with two everywhere, machines of a kind agree.
export OMP_NUM_THREADS ?= 2
export PIP_DISABLE_PIP_VERSION_CHECK ?= 1

.PHONY: help demo test test-slow ray lavis check format readme readme-check docs commands scaling bench-generation bench-scale bench-sources bench-exports bench-report bench-training bench-training-gpu bench-ranking reproduce-nano reproduce-nano-full clean

help:
	@sed -n '3,28s/^# \{0,1\}//p' Makefile

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with PYTHON=..."; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(if $(TORCH_INDEX),PIP_EXTRA_INDEX_URL=$(TORCH_INDEX)) $(BIN)/python -m pip install --quiet --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[$(EXTRAS)]'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps --upgrade --target "$(LAVIS_APART)" salesforce-lavis
	$(BIN)/emogen setup local
	@touch $@

demo: $(READY)
	$(BIN)/python examples/demo/demo.py --out runs/demo

# Compiled once, not by each of the processes that tests start.
test test-slow ray lavis: export PYTHONDONTWRITEBYTECODE =
test: $(READY)
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist worksteal

test-slow: $(READY)
	$(BIN)/emogen setup embeddings
	$(if $(TORCH_INDEX),PIP_EXTRA_INDEX_URL=$(TORCH_INDEX)) HYPOTHESIS_PROFILE=thorough \
	  $(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile -m "slow or hypothesis" --durations 20

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

readme: $(READY)
	$(BIN)/python examples/demo/readme.py write

readme-check: $(READY)
	$(BIN)/python examples/demo/readme.py check

docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

commands: $(READY)
	$(BIN)/python -m docs.making.commands

scaling: $(READY)
	$(BIN)/python -m docs.making.scaling

ray: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[ray]'
	$(BIN)/python -m pytest -m "ray and not slow" tests/ray

lavis: $(READY)
	$(if $(TORCH_INDEX),PIP_EXTRA_INDEX_URL=$(TORCH_INDEX)) $(BIN)/emovit_train setup-lavis --folder $(LAVIS_VENV)
	EMOVIT_LAVIS=$(LAVIS_VENV) $(BIN)/python -m pytest -m lavis

bench-generation: $(READY)
	$(BIN)/python -m benchmarks.generation.measure all
	$(BIN)/python -m docs.making.scaling

bench-scale: $(READY)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[ray]'
	$(BIN)/python -m benchmarks.scale.measure

bench-sources: $(READY)
	$(BIN)/python -m benchmarks.sources.measure

bench-exports: $(READY)
	$(BIN)/python -m benchmarks.exports.measure
	$(BIN)/python -m docs.making.scaling

bench-report: $(READY)
	$(BIN)/python -m benchmarks.report.measure

bench-training: $(READY)
	$(BIN)/python -m benchmarks.training.measure run --shape small --arms plain,single,ours --images 32 --repeats 2
	$(BIN)/python -m benchmarks.training.measure run --shape tiny --arms plain,single,ours,packed --images 16
	$(BIN)/python -m benchmarks.training.measure run --shape tiny-t5 --arms plain,single,ours --images 16

# On a machine with a GPU of 80 GB.
bench-training-gpu: $(READY)
	$(BIN)/python -m benchmarks.training.measure run --shape vicuna-7b --dtype bfloat16 --images 64 --batch-rows 16 \
	  --arms plain,single,ours,packed
	$(BIN)/python -m benchmarks.training.measure run --shape flan-t5-xl --dtype bfloat16 --images 64 --batch-rows 16

bench-ranking: $(READY)
	$(BIN)/python -m benchmarks.ranking.measure

LABELS ?= EmoTag1200-scores.csv
reproduce-nano: $(READY)
	$(BIN)/python -m examples.miniature --labels "$(LABELS)" --out runs/miniature

reproduce-nano-full: $(READY)
	$(BIN)/python -m examples.miniature --labels "$(LABELS)" --out runs/miniature --seeds 3 --portions 5,10,30,50,100

clean:
	rm -rf $(VENV) runs build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis
