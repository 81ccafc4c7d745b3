# The commands of this repository; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo web test check build bench clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what is missing (npm packages, a software Vulkan driver where no GPU answers) and build
	@scripts/setup.sh

demo: ## Rank three worked examples against the sample taxonomy
	@scripts/setup.sh --quiet
	@node dist/cli.js demo $(ARGS)

web: ## Build the page and serve it with the models that lacuna pull has cached
	@scripts/setup.sh --quiet --packages
	@node scripts/run.mjs scripts/web.ts $(ARGS)

test: ## Install what the tests need, then linter, types and all tests, under Node.js and Deno
	@scripts/setup.sh --test
	@node scripts/run.mjs scripts/test.ts

check: ## Linter, formatter and types alone
	@scripts/setup.sh --quiet --packages
	@node_modules/.bin/biome check .
	@node_modules/.bin/tsc --noEmit
	@node_modules/.bin/tsc --noEmit -p web

build: ## Build dist/ where the sources have changed
	@scripts/setup.sh --quiet --build

bench: ## Time every kernel on this machine's GPU
	@scripts/setup.sh --quiet
	@node dist/cli.js bench $(ARGS)

clean: ## Remove what was built and installed here (the model cache stays)
	rm -rf dist dist-web node_modules
