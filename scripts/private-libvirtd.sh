#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# A libvirtd (and its virtlogd) of our own, beside whatever the host runs.
#
#   private-libvirtd.sh start DIR [--owner PID] [--cache DIR] [--temporary] [--hostname NAME]
#                                             starts both, waits until they answer, prints the connection URI
#   private-libvirtd.sh stop DIR                  removes its domains, ends its processes; DIR stays for its logs
#   private-libvirtd.sh restart DIR               ends and starts libvirtd alone: its guests go on running
#   private-libvirtd.sh kill DIR                  ends libvirtd as a crash would (SIGKILL): its guests go on running
#   private-libvirtd.sh resume DIR                starts libvirtd again after kill
#   private-libvirtd.sh uri DIR                   prints the connection URI
#
# As root it runs in a mount namespace of its own in which /etc/libvirt, /var/lib/libvirt, /var/cache/libvirt,
# /var/log/libvirt and /run are DIR's, so neither the host's libvirt nor its D-Bus is seen or changed. As anyone else it
# is libvirt's per-user daemon with all of its XDG directories inside DIR. A process is ended only if it lives in that
# namespace or DIR's own pid files name it. With --owner PID everything is stopped when the process PID has gone,
# however it went. What libvirt learns of the installed QEMU in some seconds is kept in DIR, or in the directory that
# --cache names, which several may share. A --temporary DIR is removed when it is stopped. With --hostname (as root) the
# daemons see a host of that name: guests move between two daemons only if their hosts' names differ.
set -euo pipefail

fail() { echo "private-libvirtd: $*" >&2; exit 1; }

usage() { sed -n '4,13s/^# \{0,1\}//p' "$0" >&2; exit 2; }

[ $# -ge 2 ] || usage
verb=$1
mkdir -p "$2"
D=$(cd "$2" && pwd -P)
shift 2
owner=
temporary=
cache=$D/cache
hostname=
while [ $# -gt 0 ]; do
    case $1 in
    --owner) owner=${2:?--owner wants a process id}; shift 2 ;;
    --temporary) temporary=1; shift ;;
    --hostname) hostname=${2:?--hostname wants a name}; shift 2 ;;
    --cache) mkdir -p "${2:?--cache wants a directory}"; cache=$(cd "$2" && pwd -P); shift 2 ;;
    *) usage ;;
    esac
done

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
privileged=; [ "$(id -u)" = 0 ] && privileged=1
if [ -n "$privileged" ]; then
    socket=$D/sock/libvirt-sock
    uri="qemu+unix:///system?socket=$socket"
    pids=$D/run/qemu
else
    socket=$D/xdg-run/libvirt/libvirt-sock
    uri="qemu+unix:///session?socket=$socket"
    pids=$D/xdg-run/libvirt/qemu/run
fi
libvirtd_pid=$D/libvirtd.pid
virtlogd_pid=$D/virtlogd.pid

# The process of a pid file, if it still is the program that we started for this directory.
running() { # PIDFILE NAME
    local pid
    pid=$(cat "$1" 2>/dev/null) || return 1
    [ -n "$pid" ] && [ "$(cat "/proc/$pid/comm" 2>/dev/null)" = "$2" ] || return 1
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$1" || return 1
    echo "$pid"
}

# Waits until a command succeeds; for things of which no event can be had from a shell.
until_true() { # SECONDS COMMAND...
    local end=$((SECONDS + $1)); shift
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

# A process that has ended but that nobody has reaped yet is gone.
gone() { ! grep -q '^State:[[:space:]]*[^ZX]' "/proc/$1/status" 2>/dev/null; }

end_process() { # PID SIGNAL
    kill "-$2" "$1" 2>/dev/null || return 0
    until_true 10 gone "$1" || { kill -KILL "$1" 2>/dev/null || true; until_true 5 gone "$1" || true; }
}

configure() {
    mkdir -p "$D/etc" "$D/log" "$D/drivers"
    if [ -n "$temporary" ]; then : >"$D/temporary"; fi
    chmod 0700 "$D"
    # Only the hypervisor driver: no networks, firewall chains or storage pools are set up on the host.
    local module
    module=$(ls /usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so /usr/lib*/libvirt/connection-driver/libvirt_driver_qemu.so \
        2>/dev/null | head -n 1) || true
    [ -n "$module" ] || fail "libvirt's qemu driver is not installed (package libvirt-daemon-driver-qemu)"
    ln -sf "$module" "$D/drivers/"
    [ -s "$D/host-uuid" ] || cat /proc/sys/kernel/random/uuid >"$D/host-uuid"
    cat >"$D/etc/libvirtd.conf" <<X
listen_tls = 0
listen_tcp = 0
auth_unix_ro = "none"
auth_unix_rw = "none"
host_uuid = "$(cat "$D/host-uuid")"
log_outputs = "2:file:$D/log/libvirtd.log"
X
    cat >"$D/etc/virtlogd.conf" <<X
log_outputs = "2:file:$D/log/virtlogd.log"
X
    : >"$D/etc/qemu.conf"
    if [ -n "$privileged" ]; then
        echo "unix_sock_dir = \"$D/sock\"" >>"$D/etc/libvirtd.conf"
        # No cgroups, security driver or device namespaces: a container or a build machine offers none of them.
        cat >"$D/etc/qemu.conf" <<X
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
X
    fi
    echo 'stdio_handler = "logd"' >>"$D/etc/qemu.conf"
    # Ports of its own to begin with: two daemons that look for a free one at the same moment find the same.
    local screens=$((10000 + RANDOM % 20000)) moves=$((31000 + RANDOM % 28000))
    cat >>"$D/etc/qemu.conf" <<X
remote_display_port_min = $screens
remote_display_port_max = $((screens + 2000))
migration_port_min = $moves
migration_port_max = $((moves + 2000))
X
    # Without the package libvirt-daemon-system the user is missing that the qemu driver looks up before it reads its
    # configuration; the private namespace gets one.
    if [ -n "$privileged" ]; then
        getent passwd >"$D/passwd"
        getent group >"$D/group"
        grep -q '^libvirt-qemu:' "$D/passwd" || echo 'libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin' >>"$D/passwd"
        grep -q '^libvirt-qemu:' "$D/group" || echo 'libvirt-qemu:x:64055:' >>"$D/group"
        grep -q '^kvm:' "$D/group" || echo 'kvm:x:64056:' >>"$D/group"
        chmod 0644 "$D/passwd" "$D/group"
    fi
}

# Runs a daemon where DIR's directories are libvirt's.
enter() {
    if [ -n "$privileged" ]; then
        mkdir -p "$D/lib" "$cache" "$D/run" "$D/sock"
        mkdir -p /etc/libvirt /var/lib/libvirt /var/cache/libvirt /var/log/libvirt # the places to mount on
        daemon env D="$D" cache="$cache" hostname="$hostname" unshare --mount --uts --propagation private sh -c '
            { [ -z "$hostname" ] || echo "$hostname" >/proc/sys/kernel/hostname; } && mount --bind "$D/etc" /etc/libvirt && mount --bind "$D/lib" /var/lib/libvirt &&
            mount --bind "$cache" /var/cache/libvirt && mount --bind "$D/log" /var/log/libvirt &&
            mount --bind "$D/passwd" /etc/passwd && mount --bind "$D/group" /etc/group &&
            mount -t tmpfs -o mode=755 private-run /run && mkdir /run/libvirt && mount --bind "$D/run" /run/libvirt ||
                exit 1
            exec "$@"' sh "$@"
    else
        mkdir -p -m 0700 "$D/xdg-run" "$D/xdg-config" "$D/xdg-cache" "$D/xdg-data" "$D/home"
        mkdir -p "$cache"
        ln -sfn "$cache" "$D/xdg-cache/libvirt"
        ln -sfn "$D/etc" "$D/xdg-config/libvirt"
        daemon env HOME="$D/home" XDG_RUNTIME_DIR="$D/xdg-run" XDG_CONFIG_HOME="$D/xdg-config" \
            XDG_CACHE_HOME="$D/xdg-cache" XDG_DATA_HOME="$D/xdg-data" "$@"
    fi
}

# Runs a command as a daemon: its own session, and none of the descriptors that this script was given. A caller that
# learns of our end by the closing of one would otherwise wait for the daemon's.
daemon() {
    (
        for fd in /proc/"$BASHPID"/fd/*; do
            fd=${fd##*/}
            case $fd in 0 | 1 | 2 | 255) ;; *) eval "exec $fd>&-" 2>/dev/null || true ;; esac
        done
        exec "$@"
    ) </dev/null &
}

answers() { virsh -q -c "$uri" version >/dev/null 2>&1; }

start_libvirtd() {
    rm -f "$libvirtd_pid"
    # The daemon joins the namespace that virtlogd keeps alive, so that both see the same /run.
    local enter_as=(env)
    if [ -n "$privileged" ]; then
        local spaces
        spaces=/proc/$(running "$virtlogd_pid" virtlogd)/ns
        enter_as=(nsenter --mount="$spaces/mnt" --uts="$spaces/uts")
    else
        enter_as=(env HOME="$D/home" XDG_RUNTIME_DIR="$D/xdg-run" XDG_CONFIG_HOME="$D/xdg-config"
            XDG_CACHE_HOME="$D/xdg-cache" XDG_DATA_HOME="$D/xdg-data")
    fi
    daemon env LIBVIRT_DRIVER_DIR="$D/drivers" setsid "${enter_as[@]}" libvirtd -f "$D/etc/libvirtd.conf" \
        -p "$libvirtd_pid" >>"$D/log/libvirtd.out" 2>&1
    local daemon=$!
    local end=$((SECONDS + 60)) why=
    until answers; do
        if gone "$daemon"; then why="has ended"; elif [ $SECONDS -ge $end ]; then why="does not answer at $uri"; fi
        if [ -n "$why" ]; then
            tail -n 20 "$D/log/libvirtd.log" "$D/log/libvirtd.out" >&2 || true
            virsh -q -c "$uri" version >&2 || true
            fail "libvirtd $why; its log is $D/log/libvirtd.log"
        fi
        sleep 0.05
    done
}

start() {
    local program
    for program in libvirtd virtlogd virsh unshare nsenter setsid; do
        command -v "$program" >/dev/null || fail "$program is not installed"
    done
    [ ${#socket} -lt 108 ] || fail "the socket's name $socket is longer than the 107 bytes that the kernel takes"
    case $D/ in /run/* | /etc/libvirt/* | /var/lib/libvirt/* | /var/cache/libvirt/* | /var/log/libvirt/*)
        fail "$D lies where the private directories are mounted; choose another place" ;;
    esac
    if running "$libvirtd_pid" libvirtd >/dev/null; then fail "one is running in $D already"; fi
    configure
    rm -f "$virtlogd_pid"
    enter setsid virtlogd -f "$D/etc/virtlogd.conf" -p "$virtlogd_pid" >>"$D/log/virtlogd.out" 2>&1
    local log_socket=$D/run/virtlogd-sock
    [ -n "$privileged" ] || log_socket=$D/xdg-run/libvirt/virtlogd-sock
    until_true 20 test -S "$log_socket" || {
        cat "$D/log/virtlogd.out" >&2 || true
        fail "virtlogd did not open $log_socket within 20 s"
    }
    start_libvirtd
    if [ -n "$owner" ]; then
        # Waits without a child process, so that nothing is left to reap when the watcher itself is ended.
        daemon setsid bash -c 'exec {never}<> <(:); while kill -0 "$1"; do read -r -t 0.5 -u "$never" || :; done
            exec "$0" stop "$2"' "$0" "$owner" "$D" \
            >/dev/null 2>&1
        echo $! >"$D/watch.pid"
    fi
    echo "$uri"
}

# Everything that runs for this directory: what sees its run directory as /run/libvirt, or, without a namespace, what its
# pid files name. (Not by the namespace's number: a number is given to another namespace as soon as one has gone.)
processes() {
    local file pid
    if [ -n "$privileged" ]; then
        find /proc/[0-9]*/root/run/libvirt -maxdepth 0 -samefile "$D/run" 2>/dev/null | cut -d / -f 3 || true
    else
        for file in "$pids"/*.pid; do
            pid=$(cat "$file" 2>/dev/null) || continue
            case $(cat "/proc/$pid/comm" 2>/dev/null) in qemu*) echo "$pid" ;; esac
        done
        running "$virtlogd_pid" virtlogd || true
        running "$libvirtd_pid" libvirtd || true
    fi
}

# Nothing here is worth an orderly end: the guests, their definitions and the daemons' state are all thrown away.
stop() {
    local pid
    # First the one who starts others; all of them are killed before any is waited for, as each may take a second.
    if pid=$(running "$libvirtd_pid" libvirtd); then kill -KILL "$pid" 2>/dev/null || true; fi
    # A guest that was being started when libvirtd ended may show late, so until there is none.
    local end=$((SECONDS + 20)) left
    while left=$(processes) && [ -n "$left" ]; do
        [ $SECONDS -lt $end ] || fail "these processes of $D do not end:" $left
        for pid in $left; do kill -KILL "$pid" 2>/dev/null || true; done
        for pid in $left; do until_true 10 gone "$pid" || true; done
    done
    rm -rf "$D/etc/qemu" "$D/run" "$D/lib" "$D/xdg-run" "$D/xdg-data" "$D/xdg-cache"
    rm -f "$libvirtd_pid" "$virtlogd_pid"
    if [ -s "$D/watch.pid" ]; then
        pid=$(cat "$D/watch.pid")
        rm -f "$D/watch.pid"
        if [ "$pid" != $$ ] && tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qxF -- "$D"; then
            kill -TERM "$pid" 2>/dev/null || true
        fi
    fi
    if [ -e "$D/temporary" ]; then rm -rf "$D"; fi
}

# Everything that changes the daemons of one directory runs alone.
if [ "$verb" != uri ]; then exec 9>"$D/lock"; flock 9; fi

case $verb in
start) start ;;
stop) stop ;;
restart)
    pid=$(running "$libvirtd_pid" libvirtd) || fail "none is running in $D"
    end_process "$pid" TERM
    start_libvirtd
    ;;
kill)
    pid=$(running "$libvirtd_pid" libvirtd) || fail "none is running in $D"
    end_process "$pid" KILL
    ;;
resume)
    if running "$libvirtd_pid" libvirtd >/dev/null; then fail "libvirtd is running in $D already"; fi
    running "$virtlogd_pid" virtlogd >/dev/null || fail "virtlogd is not running in $D; use start"
    start_libvirtd
    ;;
uri) echo "$uri" ;;
*) usage ;;
esac
