# The commands of the project. Each works alone on a clean clone: `make test`, `make demo`.
BUILD := build
VENV := .venv
PY := $(VENV)/bin/python
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
CMAKE_FLAGS ?=
FUZZ_SECONDS ?= 60
THREAD_SECONDS ?= 5
SHELL := /bin/bash
.DEFAULT_GOAL := build

.PHONY: build bootstrap test check unit pytest exports demo wheel bench bench-nexmark bench-durability bench-python sanitize tsan freethreaded types fuzz docs format lint clean

bootstrap:
	@scripts/bootstrap

build: bootstrap
	@scripts/build $(BUILD) $(CMAKE_FLAGS)

# Source checks; C tests of the layers, the C API and the examples; tests of the module, the shell and the law.
test: build check unit pytest exports

check:
	@$(PY) tools/check_includes.py
	@$(PY) tools/check_style.py

exports:
	@tools/check_exports.sh $(BUILD)

unit:
	@ctest --test-dir $(BUILD) --output-on-failure -j$(JOBS) --no-tests=error

pytest:
	@scripts/pytest

demo: build
	@scripts/demo $(DEMO_FLAGS)

wheel: bootstrap
	@scripts/wheel --check

bench: build
	@$(PY) bench/run.py $(BENCH_FLAGS)

# What goes in and out of the Python module, beside laminardb 0.17 and DuckDB.
bench-python: build
	@$(PY) bench/run.py --only py_ $(BENCH_FLAGS)

# Nexmark q0 to q22. With LAMINAR_FLINK_GATEWAY=http://host:port of a Flink cluster's SQL gateway, Flink too.
bench-nexmark: build
	@$(PY) bench/nexmark/run.py $(BENCH_FLAGS)

# Throughput by durability beside SQLite and DuckDB, pauses and bytes of checkpoints, speed of recovery.
bench-durability: build
	@$(PY) bench/durability/run.py $(BENCH_FLAGS)

# Everything once more under AddressSanitizer and UndefinedBehaviorSanitizer.
sanitize: bootstrap
	@scripts/sanitize

# The concurrent C tests under ThreadSanitizer; then the module's thread stress, in an interpreter whose GIL ThreadSanitizer sees as the lock that it is.
tsan: bootstrap
	@TARGETS="concurrent_tests _laminar" scripts/build build-tsan -DLAMINAR_SANITIZE=thread
	@TSAN_OPTIONS=halt_on_error=1 ctest --test-dir build-tsan --output-on-failure -L tsan --no-tests=error
	@PYTHONPATH=$(CURDIR)/build-tsan/python LD_PRELOAD="$$(cc -print-file-name=libtsan.so)" TSAN_OPTIONS=halt_on_error=1:exitcode=66 \
		$(PY) tests/python/thread_stress.py $(THREAD_SECONDS)

# mypy, pyright and the stub test; installs what scripts/bootstrap leaves out.
types: build
	@$(PY) -m pip install -q --disable-pip-version-check -r requirements/types.txt
	@scripts/pytest tests/python/test_typing.py

# Threads at once on a Python without the GIL, which the first run builds; then once more with all of it under ThreadSanitizer.
freethreaded:
	@scripts/freethreaded
	@scripts/freethreaded --tsan

fuzz:
	@scripts/bootstrap --ci
	@FUZZ_SECONDS=$(FUZZ_SECONDS) scripts/fuzz

# The documentation as a site in build/site; a broken link, a page in no menu or an unknown name is an error.
docs: build
	@scripts/docs

format:
	@scripts/format

lint: build
	@scripts/lint

clean:
	rm -rf build build-* dist
