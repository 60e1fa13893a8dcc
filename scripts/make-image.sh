#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds docker/Dockerfile and runs the built worker once from the image.
# Where a docker engine answers it does both. Where none does, buildah builds it with chroot isolation, as root, on a
# base made by debootstrap and a builder made of this machine's Swift toolchain; its storage stays in .build/image.
# usage: make-image.sh [IMAGE-NAME]     (default: compute-worker)
set -euo pipefail
export PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/.." && pwd)
name=${1:-compute-worker}
step() { printf '\n== %s (%d s)\n' "$1" "$SECONDS"; }

if command -v docker >/dev/null && docker info >/dev/null 2>&1; then
    step "docker build"
    docker build -f "$root/docker/Dockerfile" -t "$name" "$root"
    step "the worker from the image"
    docker run --rm "$name" --version
    docker run --rm "$name" config show --config-file /etc/nova/nova.conf | grep -E 'compute_driver|amqp_durable_queues'
    docker run --rm --entrypoint sh "$name" -c 'echo "runs as $(id)"; test "$(id -u)" -ne 0'
    docker image inspect --format 'image {{.Id}}, {{.Size}} bytes' "$name"
    exit
fi

step "no docker engine answers: what buildah needs"
"$here/install-dependencies.sh" image
swift=$("$here/find-swift.sh")
if [ "$(id -u)" -ne 0 ]; then exec sudo -n SWIFT="$swift" "$0" "$@"; fi

work=$root/.build/image
mkdir -p "$work"
export TMPDIR=$work/tmp
mkdir -p "$TMPDIR"
bh() {
    local verb=$1
    shift
    buildah --storage-driver vfs --root "$work/storage" --runroot "$work/run" "$verb" "$@"
}
base=docker.io/library/debian:bookworm-slim
builder=localhost/swift-builder:installed

# Git repositories that this machine reads from a local mirror serve the build too.
mounts=()
while read -r key _; do
    mirror=${key#url.}
    mirror=${mirror%.insteadof}
    if [ -d "$mirror" ]; then mounts+=(--volume "$mirror:$mirror:ro"); fi
done < <(git config --system --get-regexp '^url\..*\.insteadof$' | awk '!seen[$1]++')
if [ "${#mounts[@]}" -gt 0 ]; then mounts+=(--volume /etc/gitconfig:/etc/gitconfig:ro); fi

if ! bh inspect --type image "$base" >/dev/null 2>&1; then
    step "the base: Debian 12 by debootstrap"
    rootfs=$work/rootfs
    rm -rf "$rootfs"
    debootstrap --variant=minbase bookworm "$rootfs" http://deb.debian.org/debian >"$work/debootstrap.log" 2>&1 ||
        { tail -n 20 "$work/debootstrap.log" >&2; exit 1; }
    cat >"$rootfs/etc/apt/sources.list" <<'LIST'
deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
deb http://deb.debian.org/debian-security bookworm-security main
LIST
    find "$rootfs/var/cache/apt" "$rootfs/var/lib/apt/lists" -type f -delete
    rm -rf "$rootfs"/usr/share/{doc,man,info,locale}/*
    container=$(bh from scratch)
    bh copy -q "$container" "$rootfs" / >/dev/null
    bh config --cmd /bin/bash --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
    bh commit -q --rm "$container" "$base" >/dev/null
    rm -rf "$rootfs"
fi

if ! bh inspect --type image "$builder" >/dev/null 2>&1; then
    toolchain=$(cd "$(dirname "$(realpath "$swift")")/.." && pwd)
    step "the builder: the toolchain of $toolchain"
    # The libraries that its programs load, by package.
    mapfile -t libraries < <(
        for program in swift-build swift-frontend clang lld ld.gold swift-driver; do
            ldd "$toolchain/bin/$program" 2>/dev/null
        done | awk '/=> \// { print $3 }' | grep -v "^$toolchain" | sort -u | while read -r file; do
            # A library may be known by its name before /lib and /usr/lib became one.
            dpkg -S "$file" 2>/dev/null || dpkg -S "${file#/usr}" 2>/dev/null || dpkg -S "$(realpath "$file")" || true
        done | sed 's/:.*//' | sort -u)
    container=$(bh from --pull-never "$base")
    bh run --isolation chroot "$container" sh -c "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq \
        install -y --no-install-recommends binutils libc6-dev libstdc++-12-dev gcc git ca-certificates tzdata \
        ${libraries[*]} && rm -rf /var/lib/apt/lists/*" >"$work/builder.log" 2>&1 ||
        { tail -n 20 "$work/builder.log" >&2; exit 1; }
    where=$(bh mount "$container")
    mkdir -p "$where/opt/swift"
    tar -C "$toolchain/.." --exclude='*lldb*' --exclude='*sourcekit*' --exclude='*SourceKit*' --exclude='*.doc*' \
        --exclude='share/doc' -cf - "$(basename "$toolchain")" | tar -C "$where/opt/swift" -xf -
    # The certificates that this machine trusts, for the packages that the build fetches.
    if [ -s /etc/ssl/certs/ca-certificates.crt ]; then
        cp /etc/ssl/certs/ca-certificates.crt "$where/etc/ssl/certs/ca-certificates.crt"
    fi
    bh umount "$container" >/dev/null
    bh config --env PATH=/opt/swift/$(basename "$toolchain")/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        "$container"
    bh commit -q --rm "$container" "$builder" >/dev/null
fi

step "docker/Dockerfile, by buildah"
bh bud --isolation chroot --pull-never --build-arg BUILDER="$builder" --build-arg BASE="$base" \
    ${mounts[@]+"${mounts[@]}"} -f "$root/docker/Dockerfile" -t "$name" "$root"

step "the worker from the image"
container=$(bh from --pull-never "$name")
trap 'bh rm "$container" >/dev/null 2>&1 || true' EXIT
bh run --isolation chroot "$container" -- /usr/bin/compute-worker --version
bh run --isolation chroot "$container" -- /usr/bin/compute-worker config show --config-file /etc/nova/nova.conf |
    grep -E 'compute_driver|amqp_durable_queues'
bh run --isolation chroot "$container" -- sh -c 'echo "runs as $(id)"; test "$(id -u)" -ne 0'
where=$(bh mount "$container")
printf 'image %s MB, of which the worker %s MB\n' "$(du -sm "$where" | cut -f1)" \
    "$(($(stat -c %s "$where/usr/bin/compute-worker") >> 20))"
