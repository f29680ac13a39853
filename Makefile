# The commands of the project. `make` alone lists them.
SHELL := /bin/sh
# The bundled Node 24 comes with `npm ci`; scripts/node prefers the machine's own where it is new enough.
NODE := scripts/node
FLEET ?= 25x40
SEED ?= 1

manifests := package.json package-lock.json $(wildcard libs/*/package.json services/*/package.json test/package.json)

.DEFAULT_GOAL := help
.PHONY: help install demo setup test test-long verify format format-check lint types docs bench clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

install: node_modules/.installed ## Node 24 and the packages, inside this folder only

node_modules/.installed: $(manifests)
	npm ci --loglevel=error
	@touch $@

demo: install ## A simulated fleet, live, until Ctrl-C (FLEET=250x40 for more)
	@$(NODE) services/vedette/src/main.ts demo --fleet $(FLEET) --seed $(SEED)

setup: install ## What the tests need: nats-server, libvirt and qemu from the distribution (root), the guest image
	@failed=0; scripts/setup-nats.sh || failed=1; scripts/setup-libvirt.sh || failed=1; exit $$failed

test: install ## All tests; what lacks its server is skipped, with the reason at the end
	@$(NODE) node_modules/vitest/vitest.mjs run

test-long: install ## Everything that takes longer, then all tests with new cases of every property
	@VEDETTE_TEST_LONG=1 VEDETTE_TEST_PROPERTIES=random $(NODE) node_modules/vitest/vitest.mjs run
	@VEDETTE_TEST_PROPERTIES=random $(NODE) node_modules/vitest/vitest.mjs run

verify: format-check lint types test ## What must pass before every push

format: install ## Rewrites files in the project's format
	@node_modules/.bin/biome check --write .

format-check: install
	@node_modules/.bin/biome check .

lint: install
	@node_modules/.bin/oxlint --type-aware --deny-warnings .

types: install
	@node_modules/.bin/tsc --noEmit -p tsconfig.json

docs: install ## Writes docs/errors.md and docs/generated/ from the code
	@$(NODE) scripts/generate-docs.ts

bench: install ## The benchmarks of this stage, each beside its baseline
	@$(NODE) libs/actor/bench/actor.bench.ts
	@$(NODE) libs/store/bench/sqlite.bench.ts

clean: ## Removes what was installed and built inside this folder
	rm -rf node_modules .cache
