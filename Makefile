# What a clone of this repository can do. Every target installs what it misses, and says so.

TOOLS := $(CURDIR)/target/tools
export PATH := $(TOOLS)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo test soak power bench lint fuzz deb tarball packages

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 14

demo: ## Record a clip on this machine and leave files that play in edgereel-demo/
	@scripts/setup.sh demo
	cargo build --release --locked
	target/release/edgereel demo

test: ## All tests: those that need cargo alone, then those that need ffmpeg, GStreamer, mpv and, for power cuts and the booted unit, root
	@scripts/setup.sh test
	cargo test --locked
	cargo test --locked --test tools

soak: ## Kill the service KILLS times (300) under four publishers; a line for each kill
	@scripts/setup.sh demo
	EDGEREEL_TEST_KILLS=$(or $(KILLS),300) cargo test --locked --test crash -- --nocapture

power: ## Cut the power at CUTS points (200) of a recording on a real ext4; needs root; a line for each
	@scripts/setup.sh power
	EDGEREEL_TEST_CUTS=$(or $(CUTS),200) cargo test --locked --test tools power::a_power -- --nocapture

bench: ## Measure against ffmpeg and nginx-rtmp, and against the promised figures (wear: as root)
	@scripts/setup.sh bench
	cargo bench --locked

lint: ## Formatting, clippy, licences and sources of dependencies
	@scripts/setup.sh lint
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test tools -- -D warnings
	cargo deny check bans licenses sources

# libFuzzer needs flags that stable Rust has only under RUSTC_BOOTSTRAP. What it finds goes to the first folder.
fuzz: ## Every fuzz target for a minute
	@scripts/setup.sh fuzz
	set -e; for target in $$(RUSTC_BOOTSTRAP=1 cargo fuzz list); do \
	  mkdir -p target/fuzz/$$target; \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run $$target target/fuzz/$$target fuzz/corpus/$$target -- -max_total_time=60; \
	done

# ARCH of packages: amd64, arm64, armhf, and arm64-musl for an archive.
deb: ## A Debian package for ARCH (amd64): also arm64, armhf
	@scripts/setup.sh package
	scripts/package.sh build $(or $(ARCH),amd64)
	scripts/package.sh deb $(or $(ARCH),amd64)

tarball: ## An archive for ARCH (amd64): also arm64, armhf, arm64-musl; with its bill of materials
	@scripts/setup.sh package
	scripts/package.sh build $(or $(ARCH),amd64)
	scripts/package.sh tarball $(or $(ARCH),amd64)

packages: ## The package and the archive for ARCH (amd64)
	$(if $(filter %-musl,$(ARCH)),,@$(MAKE) --no-print-directory deb)
	@$(MAKE) --no-print-directory tarball
