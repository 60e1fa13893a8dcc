#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A RabbitMQ of one's own beside whatever runs on the machine: own directory, own cookie, own epmd, loopback only.
#
#   private-rabbitmq.sh start DIR [--config FILE] [--owner PID]
#                                      starts it, waits until it serves, prints its transport URL. FILE's lines are
#                                      added to rabbitmq.conf; with --owner it is stopped when that process is gone.
#                                      A broker that runs already is left as it is. A stopped one gets its ports again.
#   private-rabbitmq.sh stop DIR       ends it in order (durable queues survive in DIR)
#   private-rabbitmq.sh kill DIR       ends it with SIGKILL
#   private-rabbitmq.sh restart DIR    stop and start on the same ports
#   private-rabbitmq.sh url DIR        prints the transport URL
#   private-rabbitmq.sh ctl DIR ARG... rabbitmqctl against it
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"
usage() { sed -n 's/^#   //p' "${BASH_SOURCE[0]}" >&2; exit 2; }
[ $# -ge 2 ] || usage
self=$(realpath "${BASH_SOURCE[0]}")
verb=$1
if [ "$verb" = start ]; then mkdir -p "$2"; fi
[ -d "$2" ] || { echo "error: no broker was ever started in $2" >&2; exit 1; }
dir=$(realpath "$2")
shift 2

bin=/usr/lib/rabbitmq/bin
start_seconds=${RABBITMQ_START_SECONDS:-90}

free_ports() { # prints three ports of the loopback address that nobody has at the moment
    python3 - <<'PY'
import socket
sockets = [socket.socket() for _ in range(3)]
for s in sockets:
    s.bind(("127.0.0.1", 0))
print(*(s.getsockname()[1] for s in sockets))
PY
}

serves() { # true when the broker answers an AMQP protocol header with connection.start
    python3 - "$1" <<'PY' 2>/dev/null
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2) as s:
    s.settimeout(5)
    s.sendall(b"AMQP\x00\x00\x09\x01")
    sys.exit(s.recv(1) != b"\x01")
PY
}

# A pid counts only while the process behind it was started by this script for this directory.
owned() {
    [ -n "${1:-}" ] && { tr '\0' '\n' <"/proc/$1/environ" | grep -qxF "COMPUTE_WORKER_BROKER=$dir"; } 2>/dev/null
}
pid_in() { cat "$dir/$1" 2>/dev/null || true; }
owned_pids() {
    local name pid
    for name in "$@"; do
        pid=$(pid_in "$name")
        if owned "$pid"; then echo "$pid"; fi
    done
}

load() {
    read -r amqp_port dist_port epmd_port <"$dir/ports"
    password=$(cat "$dir/password")
    url="rabbit://compute:$password@127.0.0.1:$amqp_port/"
    export HOME="$dir/home" COMPUTE_WORKER_BROKER="$dir"
    export ERL_EPMD_PORT=$epmd_port ERL_EPMD_ADDRESS=127.0.0.1
    export RABBITMQ_NODENAME="compute$amqp_port@localhost" RABBITMQ_NODE_PORT=$amqp_port
    export RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 RABBITMQ_DIST_PORT=$dist_port
    export RABBITMQ_MNESIA_BASE="$dir/mnesia" RABBITMQ_LOG_BASE="$dir/log" RABBITMQ_PID_FILE="$dir/broker.pid"
    export RABBITMQ_CONFIG_FILE="$dir/rabbitmq.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$dir/enabled_plugins"
    export RABBITMQ_CONF_ENV_FILE="$dir/rabbitmq-env.conf" RABBITMQ_ADVANCED_CONFIG_FILE="$dir/advanced.config"
    export RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
}

prepare() { # $1 = a file of configuration to add, or nothing
    umask 077
    mkdir -p "$dir/home" "$dir/mnesia" "$dir/log"
    [ -s "$dir/password" ] || od -An -N12 -tx1 /dev/urandom | tr -d ' \n' >"$dir/password"
    : >"$dir/rabbitmq-env.conf"
    echo '[].' >"$dir/enabled_plugins"
    {
        echo "default_user = compute"
        echo "default_pass = $(cat "$dir/password")"
        echo "default_user_tags.administrator = true"
        echo "disk_free_limit.absolute = 50MB"
        echo "log.file.level = info"
        if [ -n "$1" ]; then cat "$1"; fi
    } >"$dir/rabbitmq.conf"
}

launch() { # starts epmd and the broker on the ports of $dir/ports; false if it does not come to serve
    load
    rm -f "$dir/broker.pid"
    setsid nohup epmd -port "$epmd_port" -address 127.0.0.1 >"$dir/log/epmd.out" 2>&1 </dev/null 9>&- &
    echo $! >"$dir/epmd.pid"
    setsid nohup "$bin/rabbitmq-server" >"$dir/log/server.out" 2>&1 </dev/null 9>&- &
    echo $! >"$dir/launcher.pid"
    local launcher=$! deadline=$((SECONDS + start_seconds))
    while [ $SECONDS -lt $deadline ]; do
        if ! kill -0 "$launcher" 2>/dev/null; then return 1; fi
        if [ -s "$dir/broker.pid" ] && serves "$amqp_port"; then return 0; fi
        sleep 0.2
    done
    return 1
}

finish() { # $1 = signal for the broker
    local pid deadline
    for pid in $(owned_pids broker.pid); do
        kill "-$1" "$pid" 2>/dev/null || true
        deadline=$((SECONDS + 30))
        while owned "$pid" && [ $SECONDS -lt $deadline ]; do sleep 0.1; done
        if owned "$pid"; then kill -KILL "$pid" 2>/dev/null || true; fi
    done
    for pid in $(owned_pids launcher.pid epmd.pid); do kill -KILL "$pid" 2>/dev/null || true; done
    rm -f "$dir/broker.pid" "$dir/launcher.pid" "$dir/epmd.pid"
}

dismiss_watcher() { # unless it is the watcher itself that stops the broker
    local pid
    for pid in $(owned_pids watch.pid); do
        if [ "$pid" != $$ ]; then kill "$pid" 2>/dev/null || true; fi
    done
    rm -f "$dir/watch.pid"
}

start() {
    local extra=${1:-} attempt
    if [ -n "$(owned_pids broker.pid)" ]; then
        load
        echo "$url"
        return
    fi
    if [ ! -x $bin/rabbitmq-server ]; then
        echo "error: $bin/rabbitmq-server is missing; run scripts/install-dependencies.sh" >&2
        exit 1
    fi
    prepare "$extra"
    for attempt in 1 2 3; do
        if [ ! -s "$dir/ports" ] || [ "$attempt" -gt 1 ] && [ ! -e "$dir/served" ]; then free_ports >"$dir/ports"; fi
        if launch; then
            : >"$dir/served" # from now on its ports are its own: clients know them
            echo "$url"
            return
        fi
        finish KILL
    done
    tail -n 20 "$dir/log/server.out" "$dir"/log/*.log >&2 || true
    echo "error: RabbitMQ did not come to serve within $start_seconds s; its logs are in $dir/log" >&2
    exit 1
}

exec 9>"$dir/lock"
case $verb in
start)
    config='' companion=''
    while [ $# -gt 0 ]; do
        case $1 in
        --config) config=$2; shift 2 ;;
        --while | --owner) companion=$2; shift 2 ;;
        *) usage ;;
        esac
    done
    flock 9
    start "$config"
    if [ -n "$companion" ]; then
        setsid nohup bash -c 'while kill -0 "$1" 2>/dev/null; do sleep 1; done; exec "$2" stop "$3"' \
            watcher "$companion" "$self" "$dir" >/dev/null 2>&1 </dev/null 9>&- &
        echo $! >"$dir/watch.pid"
    fi
    ;;
stop) flock 9; finish TERM; dismiss_watcher ;;
kill) flock 9; finish KILL ;;
restart)
    flock 9
    [ -e "$dir/ports" ] || { echo "error: no broker was ever started in $dir" >&2; exit 1; }
    finish TERM
    load
    launch || { tail -n 20 "$dir/log/server.out" >&2; echo "error: RabbitMQ did not come back" >&2; exit 1; }
    echo "$url"
    ;;
url) load; echo "$url" ;;
ctl) load; exec 9>&-; exec "$bin/rabbitmqctl" --longnames=false "$@" ;;
*) usage ;;
esac
