#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs every test: installs what is missing, makes the fixtures (Python environment, guests), builds, tests.
# usage: test.sh [arguments of `swift test`, for example --filter NAME: then only what they name]
# Nothing is skipped: a server that is missing fails the tests that need it.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export PATH="$PATH:/usr/sbin:/sbin"
# A filter that names nothing ends with 0 as well: only tests that ran count.
ran() { grep -qE 'Test run with [1-9]' "$1"; }
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
if [ $# -gt 0 ]; then
    step "tests: $*"
    "$swift" test --skip-build --disable-xctest "$@" 2>&1 | tee .build/filtered.log
    if ! ran .build/filtered.log; then
        step "no test has such a name"
        exit 1
    fi
    exit 0
fi
# One process a target: what a suite does to the machine (a frozen broker, a full disk) disturbs no other, and what
# waits for a time limit does not wait for two cores' worth of other suites.
failed=()
for folder in Tests/*Tests; do
    target=$(basename "$folder")
    step "tests: $target"
    log=.build/$target.log
    status=0
    "$swift" test --skip-build --disable-xctest --filter "^$target\\." >"$log" 2>&1 || status=$?
    grep -E '^(✘|↳|.* Test run with)' "$log" || tail -n 40 "$log"
    if [ "$status" -ne 0 ]; then
        failed+=("$target ($log)")
    elif ! ran "$log"; then
        failed+=("$target (no test of it ran: $log)")
    fi
done
if [ ${#failed[@]} -gt 0 ]; then
    step "failed: ${failed[*]}"
    exit 1
fi
step "all passed"
