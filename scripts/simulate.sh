#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs SEEDS simulated histories of the worker, from FROM on, optimised and on all processors; ends with 1 where one of
# them breaks a promise. A history is replayed by `scripts/simulate.sh --seed N`.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install-dependencies.sh build
swift="$(scripts/find-swift.sh)"
"$swift" build -c release --product simulate
program="$("$swift" build -c release --product simulate --show-bin-path)/simulate"
if [ $# -gt 0 ]; then exec "$program" "$@"; fi
exec "$program" --seeds "${SEEDS:-10000}" --from "${FROM:-1}" --processes "$(nproc)"
