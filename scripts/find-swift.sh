#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints the path of the Swift toolchain's `swift`. Another program of that name (OpenStack's object storage client,
# Debian's python3-swiftclient) may stand before it in PATH, so each candidate is asked for its version.
# SWIFT=/path/to/swift is tried first. Exit status 1, with advice, where there is none that is new enough.
set -u
minimum_major=6
minimum_minor=3

version_of() { # prints "major minor" if the program is a Swift compiler driver
    "$1" --version 2>/dev/null </dev/null | sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | head -n 1
}

candidates() {
    [ -n "${SWIFT:-}" ] && echo "$SWIFT"
    type -ap swift
    local pattern
    for pattern in /opt/swift*/usr/bin/swift /opt/swift*/bin/swift /usr/share/swift*/usr/bin/swift \
        /usr/libexec/swift*/bin/swift /usr/local/swift*/usr/bin/swift /usr/lib/swift*/bin/swift \
        "${SWIFTLY_BIN_DIR:-/nonexistent}/swift" "${HOME:-/root}"/.local/share/swiftly/bin/swift \
        "${HOME:-/root}"/.local/share/swiftly/toolchains/*/usr/bin/swift "${HOME:-/root}"/swift*/usr/bin/swift; do
        [ -x "$pattern" ] && echo "$pattern"
    done
}

too_old=
while IFS= read -r candidate; do
    version=$(version_of "$candidate")
    [ -n "$version" ] || continue
    read -r major minor <<<"$version"
    if [ "$major" -gt $minimum_major ] || { [ "$major" -eq $minimum_major ] && [ "$minor" -ge $minimum_minor ]; }; then
        echo "$candidate"
        exit 0
    fi
    too_old="$too_old $candidate ($major.$minor)"
done < <(candidates | awk '!seen[$0]++')

{
    echo "error: no Swift toolchain of version $minimum_major.$minimum_minor or newer was found."
    [ -n "$too_old" ] && echo "  too old:$too_old"
    echo "  Install one from https://www.swift.org/install/linux/ (Debian 12), for example unpacked to /opt/swift,"
    echo "  then run this again, or name it: SWIFT=/path/to/usr/bin/swift"
} >&2
exit 1
