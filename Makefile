# All that a user needs: `make demo`, `make test`. Both set up what is missing and cost nothing a second time.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# What the setup prints are shell assignments: where NATS, Postgres and libtorch are.
CACHE := $(or $(HILUM_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hilum)
ENVIRONMENT := eval "$$(python3 infra/local/fetch.py)"
TEST_ENVIRONMENT := eval "$$(python3 infra/local/fetch.py --tests)"
INTEROP_ENVIRONMENT := eval "$$(python3 infra/local/fetch.py --tests --interop)"
# Cargo, with what other clones on this machine have compiled of other people's crates; HILUM_COMPILED=off: without.
CARGO := python3 infra/local/cargo.py
# Says what is done, how long it may take and how long it took.
STEPS := @python3 infra/local/steps.py
TOOLS := $(CACHE)/tools
NEXTEST := $(or $(shell command -v cargo-nextest),$(TOOLS)/bin/cargo-nextest)
DENY := $(TOOLS)/bin/cargo-deny
MACHETE := $(TOOLS)/bin/cargo-machete

.PHONY: build demo test lint setup setup-tests build-programs build-tests run-demo run-tests lint-tools format clippy \
	docs dependencies reference reference-check house interop setup-interop run-interop faults simulate fuzz fuzz-doors \
	bench fmt clean

build:
	$(STEPS) setup build-programs

demo:
	$(STEPS) setup build-programs run-demo

test:
	$(STEPS) setup-tests build-tests run-tests

lint:
	$(STEPS) reference-check setup lint-tools format clippy docs dependencies

setup:
	@$(ENVIRONMENT); echo "ready: libtorch $$LIBTORCH, NATS $$HILUM_NATS_SERVER, Postgres $$HILUM_POSTGRES_BIN"

setup-tests:
	@$(TEST_ENVIRONMENT)

# Without the tests, whose failpoints would be built into every program.
build-programs:
	@$(ENVIRONMENT); $(CARGO) build --release --locked --workspace --exclude hilum-tests --bins

run-demo:
	@$(ENVIRONMENT); target/release/hilum demo

build-tests:
	@$(TEST_ENVIRONMENT); $(CARGO) build --locked --workspace --bins --tests

run-tests: $(NEXTEST)
	@$(TEST_ENVIRONMENT); outcome=0; $(NEXTEST) nextest run --locked --workspace || outcome=$$?; \
	python3 infra/local/test_times.py; exit $$outcome

lint-tools: $(DENY) $(MACHETE)

# docs/configuration.md and docs/metrics.md, made of the code.
reference:
	@python3 infra/local/reference.py

reference-check:
	@python3 infra/local/reference.py --check

format:
	@cargo fmt --all --check

clippy:
	@$(ENVIRONMENT); $(CARGO) clippy --locked --workspace --all-targets -- -D warnings

docs:
	@$(ENVIRONMENT); RUSTDOCFLAGS="-D warnings" cargo doc --locked --workspace --no-deps --quiet

# Sizes, documentation, names and circles of the source.
house:
	@python3 infra/local/house.py

dependencies: $(DENY) $(MACHETE)
	@$(MACHETE) && $(DENY) --log-level error check bans licenses sources

# Programs that others wrote look at what Hilum says: Schemathesis and Redocly at the API; DCMTK, dicom3tools, highdicom, Orthanc,
# Medplum, fhir.resources and hl7apy at reports and deliveries; pynetdicom, dicomweb-client, boto3 and SeaweedFS at the ways in.
interop:
	$(STEPS) setup-interop build-tests run-interop

setup-interop:
	@$(INTEROP_ENVIRONMENT)

run-interop: $(NEXTEST)
	@$(INTEROP_ENVIRONMENT); $(NEXTEST) nextest run --locked --workspace --ignore-default-filter \
	-E '(package(hilum-tests) and binary(interop)) or test(/(^|::)foreign(_\w+)?::/)'

# Faults by seed under load, checked from the sender's journal. HILUM_FAULT_SEED and HILUM_FAULT_RUNS repeat one.
faults: $(NEXTEST)
	@$(TEST_ENVIRONMENT); $(CARGO) build --locked --workspace --bins --tests && \
	HILUM_FAULT_RUNS=$${HILUM_FAULT_RUNS:-300} $(NEXTEST) nextest run --locked --workspace --no-capture \
	-E 'package(hilum-tests) and binary(faults)'

# The core without servers, one scenario after the other until it is stopped or for HILUM_SIMULATION_SECONDS; fails at the
# first that goes wrong, with its story. HILUM_SIMULATION_SEED repeats one.
simulate:
	@$(ENVIRONMENT); $(CARGO) build --release --locked -p hilum-simulation --tests && \
	HILUM_SIMULATION_SECONDS=$${HILUM_SIMULATION_SECONDS:-0} \
	cargo test --release --locked -p hilum-simulation --test simulation -- --nocapture nothing_is_lost

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

# Any bytes as what the doors read before an object, HILUM_FUZZ_SECONDS each (10 minutes), with AddressSanitizer. See
# tests/fuzz/README.md; `make test` tries the same functions without it.
DOOR_FUZZ := $(TOOLS)/bin/cargo-fuzz run -O --fuzz-dir tests/fuzz --target-dir target/fuzz/build-doors
SEEDS_notifications := services/watch/tests/bodies

fuzz-doors: $(TOOLS)/bin/cargo-fuzz
	@$(ENVIRONMENT); export RUSTC_BOOTSTRAP=1; $(foreach part,pdus messages multipart notifications,\
	mkdir -p target/fuzz/$(part)/corpus; $(DOOR_FUZZ) $(part) target/fuzz/$(part)/corpus \
	$(or $(SEEDS_$(part)),tests/fuzz/seeds/$(part)) -- $(FUZZ_LIMITS) -artifact_prefix=target/fuzz/$(part)/ \
	-max_total_time=$${HILUM_FUZZ_SECONDS:-600};)

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

fmt:
	cargo fmt --all

clean:
	cargo clean

# Not optimised: they run for seconds, and compiling them well takes minutes.
$(TOOLS)/bin/%: export CARGO_PROFILE_RELEASE_OPT_LEVEL := 0
$(TOOLS)/bin/%: export CARGO_PROFILE_RELEASE_LTO := off
$(TOOLS)/bin/%: export CARGO_PROFILE_RELEASE_DEBUG := false
$(TOOLS)/bin/%:
	cargo install --locked --root $(TOOLS) $*
