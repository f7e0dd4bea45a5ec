# All that a user needs: `make demo`, `make test`. Both set up what is missing and cost nothing a second time.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

# What the setup prints are shell assignments: where NATS, Postgres and libtorch are.
CACHE := $(or $(HILUM_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/hilum)
ENVIRONMENT := eval "$$(python3 infra/local/fetch.py)"
TOOLS := $(CACHE)/tools
NEXTEST := $(or $(shell command -v cargo-nextest),$(TOOLS)/bin/cargo-nextest)

.PHONY: setup build demo test faults lint fmt clean

setup:
	@$(ENVIRONMENT); echo "ready: libtorch $$LIBTORCH, NATS $$HILUM_NATS_SERVER, Postgres $$HILUM_POSTGRES_BIN"

# Without the tests, whose failpoints would be built into every program.
build:
	@$(ENVIRONMENT); cargo build --release --locked --workspace --exclude hilum-tests --bins

demo: build
	@$(ENVIRONMENT); target/release/hilum demo

test: $(NEXTEST)
	@$(ENVIRONMENT); cargo build --locked --workspace --bins --tests && \
	$(NEXTEST) nextest run --locked --workspace

# Faults by seed under load, checked from the sender's journal. HILUM_FAULT_SEED and HILUM_FAULT_RUNS repeat one.
faults: $(NEXTEST)
	@$(ENVIRONMENT); cargo build --locked --workspace --bins --tests && \
	HILUM_FAULT_RUNS=$${HILUM_FAULT_RUNS:-300} $(NEXTEST) nextest run --locked --workspace --no-capture \
	-E 'package(hilum-tests) and binary(faults)'

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
