# SPDX-License-Identifier: Apache-2.0
# Every target says what it needs and installs what is missing (apt, with sudo where it is not root).
.DEFAULT_GOAL := help
.PHONY: help demo demo-plants chaos simulate test build release image benchmark clean
SHELL := /bin/bash

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## a cast becomes a running machine: real RabbitMQ, real libvirt, real guest
	@scripts/demo

demo-plants: ## shows that the demo can fail: each planted failure must end it with 1 (minutes, so not part of test)
	@scripts/demo-plants

chaos: ## real parts under kill -9, cuts, freezes, full disks (MINUTES=10 SCENARIO=name SEED=n KILLS=200 RESTARTS=50 BUILDS=1000 SELF_TEST=1 JSON=file)
	@scripts/chaos $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(SEED),--seed $(SEED)) \
		$(if $(KILLS),--kills $(KILLS)) $(if $(RESTARTS),--restarts $(RESTARTS)) $(if $(BUILDS),--builds $(BUILDS)) \
		$(if $(SELF_TEST),--self-test) $(if $(PROGRAM),--program $(PROGRAM)) $(if $(JSON),--json $(JSON))

simulate: ## histories of the worker on one thread with everything around it simulated (SEEDS=10000 FROM=1)
	@SEEDS=$(or $(SEEDS),10000) FROM=$(or $(FROM),1) scripts/simulate.sh

test: ## every test; a missing server is a failure, nothing is skipped (FILTER=name for some)
	@scripts/test.sh $(if $(FILTER),--filter '$(FILTER)')

build: ## debug build of everything
	@scripts/install-dependencies.sh build
	@"$$(scripts/find-swift.sh)" build

release: ## release build of the worker
	@scripts/install-dependencies.sh build
	@"$$(scripts/find-swift.sh)" build -c release --static-swift-stdlib --product compute-worker

image: ## container image of the worker, built from docker/Dockerfile and run once
	@scripts/make-image.sh

benchmark: ## ratios against raw C and Python peers, in one run
	@scripts/benchmark.sh

clean: ## removes everything that was built
	rm -rf .build
