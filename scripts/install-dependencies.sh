#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Says what the project needs, and installs by apt what is missing (with sudo where it is not root). Never asks.
# usage: install-dependencies.sh [build|test|image]...    (default: build test)
# No service is started: a policy-rc.d that refuses stands for as long as apt runs, and what stood there comes back.
set -euo pipefail
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -gt 0 ] || set -- build test

table() { # set | package | why
    cat <<'TABLE'
build|librabbitmq-dev|AMQP 0-9-1 client library
build|libvirt-dev|libvirt client library
build|libxml2-dev|XML: domain documents, RELAX NG
build|libsqlite3-dev|SQLite: journal, instances, outbox
build|pkg-config|finds the four libraries above
build|make|runs the commands of the Makefile
build|git|SwiftPM fetches packages with it
build|binutils|linker tools of the toolchain
build|gcc|crt files of the toolchain, raw C peers of the benchmarks
build|libc6-dev|C headers of the toolchain
build|libstdc++-12-dev|C++ headers of the toolchain
build|ca-certificates|HTTPS for packages
test|rabbitmq-server|a real broker, a private one on a free port
test|libvirt-daemon|a real libvirt, a private one with its own sockets
test|libvirt-daemon-driver-qemu|its QEMU driver
test|libvirt-clients|virsh, the independent witness
test|libxml2-utils|xmllint, the independent witness
test|qemu-system-x86|the hypervisor
test|qemu-utils|qemu-img: overlays on images
test|seabios|the guest's BIOS
test|ipxe-qemu|boot ROMs of the guest's network cards
test|busybox-static|the guest's user land
test|cpio|packs the guest's initramfs
test|kmod|orders the guest's kernel modules
test|syslinux|the guest's boot loader
test|syslinux-common|its boot sector
test|mtools|writes the guest's file system without a mount
test|dosfstools|makes it
test|fdisk|partitions the guest's disk
test|python3|plays the clients written by others
test|python3-venv|their virtual environment
test|openssl|certificates for the TLS tests
test|procps|ps: resident memory seen from outside
test|iproute2|ss: who listens on which port
test|util-linux|flock, unshare, setpriv
image|debootstrap|the base of the container image
image|buildah|builds the Dockerfile where no container engine answers
TABLE
}

wanted=()
for set_name in "$@"; do
    while IFS='|' read -r _ package _; do wanted+=("$package"); done < <(table | grep "^$set_name|")
done
if [ ${#wanted[@]} -eq 0 ]; then
    echo "error: no such set of packages: $* (build, test, image)" >&2
    exit 2
fi

missing_packages() {
    { dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || true; } |
        awk -v wanted="${wanted[*]}" '$2 == "installed" { have[$1] = 1 }
            END { n = split(wanted, w, " "); for (i = 1; i <= n; i++) if (!(w[i] in have)) print w[i] }'
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

mapfile -t missing < <(missing_packages)

echo "compute-worker needs:"
for set_name in "$@"; do
    table | grep "^$set_name|" | while IFS='|' read -r _ package why; do
        state=present
        for m in ${missing[@]+"${missing[@]}"}; do [ "$m" = "$package" ] && state=MISSING; done
        printf '  %-28s %-8s %s\n' "$package" "$state" "$why"
    done
done
swift=$("$here/find-swift.sh") || exit 1
printf '  %-28s %-8s %s\n' "Swift 6.3 or newer" present "$swift"

[ ${#missing[@]} -gt 0 ] || exit 0

install_line="apt-get install -y --no-install-recommends ${missing[*]}"
if ! command -v apt-get >/dev/null; then
    echo "error: this is not a Debian system; install what is missing by hand: ${missing[*]}" >&2
    exit 1
fi
if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
    echo "error: packages are missing, and sudo would ask for a password. As root: $install_line" >&2
    exit 1
fi

policy=/usr/sbin/policy-rc.d
saved=$policy.before-compute-worker
mark="# compute-worker: apt starts no services while it installs"
restore_policy() {
    if grep -qsF "$mark" "$policy"; then
        if [ -e "$saved" ]; then as_root mv -f "$saved" "$policy"; else as_root rm -f "$policy"; fi
    fi
}
restore_policy # a run that was killed may have left the guard behind
trap restore_policy EXIT
trap 'exit 130' INT TERM HUP
[ -e "$policy" ] && as_root cp -a "$policy" "$saved"
guard=$(mktemp)
printf '#!/bin/sh\n%s\nexit 101\n' "$mark" >"$guard"
as_root install -m 0755 "$guard" "$policy"
rm -f "$guard"

echo "installing: ${missing[*]}"
apt() {
    as_root env DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l apt-get -y -qq -o DPkg::Lock::Timeout=600 \
        -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold -o Acquire::Retries=3 "$@" </dev/null
}
log=$(mktemp)
if ! { apt update && apt install --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    tail -n 30 "$log" >&2
    echo "error: apt failed (the whole of its output: $log). By hand: $install_line" >&2
    exit 1
fi
rm -f "$log"
mapfile -t missing < <(missing_packages)
if [ ${#missing[@]} -gt 0 ]; then
    echo "error: still missing after apt: ${missing[*]}" >&2
    exit 1
fi
echo "installed."
