# All that a user needs: `make demo`, `make test`. Both set up what is missing and cost nothing a second time.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# What the setup prints are shell assignments: where NATS, Postgres and libtorch are.
CACHE := $(or $(HILUM_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hilum)
ENVIRONMENT := eval "$$(python3 infra/local/fetch.py)"
TEST_ENVIRONMENT := eval "$$(python3 infra/local/fetch.py --tests)"
TOOLS := $(CACHE)/tools
NEXTEST := $(or $(shell command -v cargo-nextest),$(TOOLS)/bin/cargo-nextest)

.PHONY: setup build demo test faults fuzz bench lint fmt clean

setup:
	@$(ENVIRONMENT); echo "ready: libtorch $$LIBTORCH, NATS $$HILUM_NATS_SERVER, Postgres $$HILUM_POSTGRES_BIN"

# Without the tests, whose failpoints would be built into every program.
build:
	@$(ENVIRONMENT); cargo build --release --locked --workspace --exclude hilum-tests --bins

demo: build
	@$(ENVIRONMENT); target/release/hilum demo

test: $(NEXTEST)
	@$(TEST_ENVIRONMENT); cargo build --locked --workspace --bins --tests && \
	$(NEXTEST) nextest run --locked --workspace

# Faults by seed under load, checked from the sender's journal. HILUM_FAULT_SEED and HILUM_FAULT_RUNS repeat one.
faults: $(NEXTEST)
	@$(ENVIRONMENT); cargo build --locked --workspace --bins --tests && \
	HILUM_FAULT_RUNS=$${HILUM_FAULT_RUNS:-300} $(NEXTEST) nextest run --locked --workspace --no-capture \
	-E 'package(hilum-tests) and binary(faults)'

# Any bytes on each road of the decoder process, HILUM_FUZZ_SECONDS each (10 minutes), with AddressSanitizer: stops at a
# finding and says where it lies. What was found before is in tests/data/hostile; see shared/imaging/fuzz/README.md.
FUZZ_SEEDS := $(addprefix tests/data/,images encodings windows hostile)
FUZZ_LIMITS := -rss_limit_mb=2048 -timeout=20 -max_len=65536

fuzz: $(TOOLS)/bin/cargo-fuzz
	@$(ENVIRONMENT); export RUSTC_BOOTSTRAP=1 ASAN_OPTIONS=allocator_may_return_null=1:max_allocation_size_mb=512; \
	ulimit -s 262144; $(foreach road,dicom png jpeg,mkdir -p target/fuzz/$(road)/corpus; \
	$(TOOLS)/bin/cargo-fuzz run -O --fuzz-dir shared/imaging/fuzz --target-dir target/fuzz/build $(road) \
	target/fuzz/$(road)/corpus $(FUZZ_SEEDS) -- $(FUZZ_LIMITS) \
	-artifact_prefix=target/fuzz/$(road)/ -max_total_time=$${HILUM_FUZZ_SECONDS:-600};)

# What this machine reaches, in some ten minutes: tables here, JSON in target/bench. Run it on an idle machine.
# HILUM_BENCH_IMAGES names a folder of other images, HILUM_MODEL another model. docs/performance.md explains it all.
BENCH_IMAGES := $(if $(HILUM_BENCH_IMAGES),--images $(HILUM_BENCH_IMAGES))
BENCHMARKS := engine preprocess pipeline capacity study fairness logging
BENCH_engine :=
BENCH_preprocess := $(BENCH_IMAGES)
BENCH_pipeline := --cores $(BENCH_IMAGES)
BENCH_capacity := --step-s 10 --steady-s 40 $(BENCH_IMAGES)
BENCH_study :=
BENCH_fairness :=
BENCH_logging := $(BENCH_IMAGES)

bench: build
	@mkdir -p target/bench; $(ENVIRONMENT); $(foreach benchmark,$(BENCHMARKS),\
	echo; echo "hilum bench $(benchmark) $(BENCH_$(benchmark))"; \
	target/release/hilum bench $(benchmark) $(BENCH_$(benchmark)) --save target/bench/$(benchmark).json;)

lint: $(TOOLS)/bin/cargo-deny $(TOOLS)/bin/cargo-machete
	@$(ENVIRONMENT); cargo fmt --all --check && \
	cargo clippy --locked --workspace --all-targets -- -D warnings && \
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet && \
	$(TOOLS)/bin/cargo-machete && \
	$(TOOLS)/bin/cargo-deny --log-level error check bans licenses sources

fmt:
	cargo fmt --all

clean:
	cargo clean

$(TOOLS)/bin/%:
	cargo install --locked --root $(TOOLS) $*
