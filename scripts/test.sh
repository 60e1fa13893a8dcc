#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every test: installs what is missing, makes the fixtures (Python environment, guests), builds, tests.
# usage: test.sh [arguments of `swift test`, for example --filter NAME]
# Nothing is skipped: a server that is missing fails the tests that need it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export PATH="$PATH:/usr/sbin:/sbin"
step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

step "what it needs"
scripts/install-dependencies.sh build test
swift=$(scripts/find-swift.sh)
step "fixtures"
scripts/make-venv.sh
scripts/make-guest.sh .build/guest/linux.qcow2
scripts/make-bootsector-guest.py .build/guest/bootsector.raw
ls -1 .build/guest/*.qcow2 .build/guest/*.raw
step "build"
"$swift" build --build-tests
step "messages of the schemas"
"$(scripts/make-venv.sh)" scripts/validate-messages.py --golden --mutate --quiet schemas/examples.jsonl
step "tests"
"$swift" test --skip-build --disable-xctest "$@"
step "all passed"
