# What a clone of this repository can do. Every target installs what it misses, and says so.

# Where cargo builds, and what is fetched and made besides: target/, or what CARGO_TARGET_DIR says.
TARGET := $(shell . scripts/targets.sh && echo "$$TARGET")
TOOLS := $(TARGET)/tools
export PATH := $(TOOLS)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help demo test soak soak-console pictures power bench lint console fuzz cross cross-test deb tarball packages release device-test crates yocto-check

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1	\2/p' Makefile | expand -t 20

demo: ## Record a clip on this machine, play it over HTTP, and leave files that play in edgereel-demo/
	@scripts/setup.sh demo
	cargo run --release --locked -- demo

# The tests that need cargo alone wait more than they compute: two at a time for each processor.
waiting := RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$((2 * $$(nproc)))}
# Those that need tools wait, too, and encode and decode beside it.
half_waiting := RUST_TEST_THREADS=$${RUST_TEST_THREADS:-$$(($$(nproc) * 3 / 2))}

test: ## All tests: those that need cargo alone, then those that need ffmpeg, GStreamer, mpv and, for power cuts and the booted unit, root
	@scripts/setup.sh test
	$(waiting) cargo test --locked
	$(half_waiting) cargo test --locked --test tools

soak: ## Kill the service KILLS times (300) under four publishers; a line for each kill
	@scripts/setup.sh demo
	EDGEREEL_TEST_KILLS=$(or $(KILLS),300) cargo test --locked --test crash -- --nocapture

soak-console: ## A page of the console open for MINUTES (60), shown and hidden: its heap, its traffic, its connections
	@scripts/setup.sh test
	EDGEREEL_TEST_MINUTES=$(or $(MINUTES),60) cargo test --locked --test tools -- --ignored --nocapture a_page_that_is_open_for_long

pictures: ## Take the pictures of the console in docs/pictures anew: each screen, on desk and phone, light and dark
	@scripts/setup.sh test
	scripts/console.sh pictures

power: ## Cut the power at CUTS points (200) of a recording on a real ext4; needs root; a line for each
	@scripts/setup.sh power
	EDGEREEL_TEST_CUTS=$(or $(CUTS),200) cargo test --locked --test tools power::a_power -- --nocapture

bench: ## Measure against ffmpeg and nginx-rtmp, and against the promised figures (wear: as root)
	@scripts/setup.sh bench
	cargo bench --locked

cross: ## Build for ARCH=aarch64, armv7, aarch64-musl (static) or amd64, small, with debug symbols aside
	@scripts/setup.sh cross $(ARCH)
	scripts/cross.sh build $(ARCH)

cross-test: ## The tests that need cargo alone, built for ARCH (aarch64), under qemu-user; those that TESTS names
	@scripts/setup.sh cross $(or $(ARCH),aarch64)
	$(waiting) scripts/cross.sh test $(or $(ARCH),aarch64) $(TESTS)

device-test: ## Boot an emulated ARM box, install the package, push to it, manage it, cut its power; needs root
	@scripts/setup.sh device
	$(MAKE) deb ARCH=arm64
	tests/device/make-root.sh $(TARGET)/box
	cargo test --locked --test device

lint: ## Formatting, clippy, licences, sources and known faults of dependencies; the console is what its sources make
	@scripts/setup.sh lint
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	cargo clippy --locked --test tools --test device -- -D warnings
	cargo deny check bans licenses sources
	scripts/advisories.sh
	scripts/console.sh check

console: ## Make assets/console/ from console/: cargo takes it as it is
	@scripts/setup.sh console
	scripts/console.sh build

# libFuzzer needs flags that stable Rust has only under RUSTC_BOOTSTRAP. What it finds goes to the first folder.
fuzz: ## Every fuzz target for a minute
	@scripts/setup.sh fuzz
	set -e; for target in $$(RUSTC_BOOTSTRAP=1 cargo fuzz list); do \
	  mkdir -p $(TARGET)/fuzz/$$target; \
	  RUSTC_BOOTSTRAP=1 cargo fuzz run $$target $(TARGET)/fuzz/$$target fuzz/corpus/$$target -- -max_total_time=60; \
	done

crates: ## Write the Yocto recipe's list of crates from Cargo.lock
	yocto/update-crates.sh

# A checkout of openembedded-core, bitbake in it or beside it: yocto/README.md. What bitbake asks of the machine, it names.
yocto-check: ## Parse the Yocto layer and resolve recipe and image: OE=DIR, more layers in LAYERS
	@test -n "$(OE)" || { echo "say where openembedded-core is: OE=DIR make yocto-check (yocto/README.md)" >&2; exit 2; }
	yocto/check.sh $(OE) $(LAYERS)

# ARCH of packages: amd64, arm64, armhf, and arm64-musl for an archive.
deb: ## A Debian package for ARCH (amd64): also arm64, armhf
	@scripts/setup.sh package
	scripts/package.sh build $(or $(ARCH),amd64)
	scripts/package.sh deb $(or $(ARCH),amd64)

tarball: ## An archive for ARCH (amd64): also arm64, armhf, arm64-musl; with its bill of materials
	@scripts/setup.sh package
	scripts/package.sh build $(or $(ARCH),amd64)
	scripts/package.sh tarball $(or $(ARCH),amd64)

release: ## Packages and archives for all of ARCHES, licences, bills of materials, checksums signed with RELEASE_KEY: one folder
	@scripts/setup.sh package
	scripts/release.sh build $(ARCHES)

packages: ## The package and the archive for ARCH (amd64)
	$(if $(filter %-musl,$(ARCH)),,@$(MAKE) --no-print-directory deb)
	@$(MAKE) --no-print-directory tarball
