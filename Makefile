# Every target installs or builds what it needs. `make run` first; the rest is for who changes Willcall.
SHELL := /bin/bash
.PHONY: run test check bench screenshots mutants fuzz simulate night build ui packages
.DEFAULT_GOAL := run

run: ## server with demo data and the window, until Ctrl-C
	@.ci/packages run
	@$(MAKE) --no-print-directory build
	@deploy/run

build: ui
	cargo build --workspace --locked --bins

ui: ui/dist/index.html

ui/node_modules/.package-lock.json: ui/package-lock.json
	cd ui && npm ci --no-audit --no-fund --loglevel=error

ui/dist/index.html: ui/node_modules/.package-lock.json $(shell find ui/src ui/index.html ui/vite.config.ts assets/design assets/fonts assets/icons -type f 2>/dev/null)
	cd ui && npm run build

test: ## all of it; what the pipeline runs
	@.ci/packages test
	@.ci/test

check: ui ## what is quick: format, types, lints, rules
	cargo fmt --all --check
	cd ui && npm run check && npm test
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo test --workspace --locked --lib

bench: ui ## the benchmark table, with the machine's record, also as target/bench.json; FRAMES=dir adds a folder of pictures
	@.ci/packages test
	cargo build --release --workspace --locked --features willcall-tests/zxing
	target/release/bench

screenshots: build ## every screen of the real window and server into screenshots/
	@.ci/packages test
	cargo run --locked -p willcall-tests --bin screenshots

mutants: ## changes rules one by one and expects a test to notice; SHARD=1/8 takes every eighth, FILES=… others
	cargo mutants --version >/dev/null 2>&1 || cargo install --locked cargo-mutants
	cargo mutants -p willcall-domain $(if $(SHARD),--shard $(SHARD) --sharding round-robin) $(foreach f,$(or $(FILES),domain/src/checkin/**/*.rs domain/src/checkin/*.rs domain/src/leases/**/*.rs domain/src/leases/*.rs domain/src/ticketing/*.rs domain/src/money.rs),--file '$(f)') -- --lib

fuzz: ## a million codes, documents and pictures through the readers; SEED=n repeats one run
	cargo run --release --locked -p willcall-tests --bin fuzz -- --codes $(or $(CODES),1000000) --scraps $(or $(SCRAPS),1000000) --frames $(or $(CAMERA_FRAMES),5000) $(if $(SEED),--seed $(SEED))

simulate: ## searches seeds for one that breaks a promise: SEEDS=n FROM=m; SEED=n replays one
	$(if $(SEED),SEED=$(SEED)) SEEDS=$(or $(SEEDS),20000) FROM=$(or $(FROM),0) cargo test --release --workspace --locked --test simulation -- every_promise --nocapture

night: ## the real programs through MINUTES of broken lines and killed processes; SEED=n repeats what was decided
	@.ci/packages test
	cargo run --locked -p willcall-tests --bin drill -- night --minutes $(or $(MINUTES),10) --seed $(or $(SEED),1)
