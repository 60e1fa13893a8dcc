#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the worker as it is shipped and measures it against its peers (Benchmarks/README.md).
# usage: benchmark.sh [ROW...]     (default: all)
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
export PATH="$PATH:/usr/sbin:/sbin"
scripts/install-dependencies.sh build test
swift=$(scripts/find-swift.sh)
"$swift" build -c release --static-swift-stdlib --product compute-worker
python=$(scripts/make-venv.sh)
scripts/make-guest.sh .build/guest/linux.qcow2
[ $# -gt 0 ] || set -- all
exec "$python" Benchmarks/run.py "$@"
