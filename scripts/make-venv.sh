#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes the virtual environment of the tests' Python clients (.build/venv, from Tests/Clients/requirements.txt) once,
# and prints the path of its python. Nothing is done while the requirements and the interpreter are the same.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
requirements=$root/Tests/Clients/requirements.txt
venv=${COMPUTE_WORKER_VENV:-$root/.build/venv}
stamp=$venv/requirements.stamp
mkdir -p "$(dirname "$venv")"

usable() { "$1" -c 'import sys, venv, ensurepip, ssl; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
python=
for candidate in ${PYTHON:-} python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
    path=$(command -v "$candidate" 2>/dev/null) || continue
    if usable "$path"; then
        python=$path
        break
    fi
done
if [ -z "$python" ]; then
    echo "error: no Python 3.11 or newer with the venv module; run scripts/install-dependencies.sh" >&2
    exit 1
fi

identity="$("$python" -c 'import sys; print(sys.version, sys.prefix)') $(sha256sum <"$requirements")"
exec 9>"$venv.lock"
flock 9
if [ "$(cat "$stamp" 2>/dev/null)" != "$identity" ]; then
    echo "making the tests' Python environment ($("$python" --version), $(grep -c == "$requirements") packages) ..." >&2
    rm -rf "$venv"
    "$python" -m venv "$venv" >&2
    "$venv/bin/pip" install --quiet --disable-pip-version-check --no-input --retries 5 --requirement "$requirements" >&2
    "$venv/bin/python" -W ignore -c 'import oslo_messaging, kombu, jsonschema' >&2
    printf '%s' "$identity" >"$stamp"
fi
echo "$venv/bin/python"
