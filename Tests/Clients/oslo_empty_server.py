#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An RPC server of oslo.messaging whose handlers do nothing: what a cast costs there before any work is done.

usage: oslo_empty_server.py TRANSPORT_URL [--server HOST] [--topic compute] [--count N] [--durable]
Prints {"ready": true}; after N casts {"count", "seconds", "cpu_seconds", "resident_bytes"}, measured from the first
cast to the last; then it ends. Without --count it serves until its standard input ends.
"""
import argparse
import os
import sys
import threading
import time

from client_main import say
from oslo_setup import configure, oslo_messaging


class Endpoint:
    target = oslo_messaging.Target(version="2.2")

    def __init__(self, count):
        self.count, self.seen, self.lock, self.done = count, 0, threading.Lock(), threading.Event()
        self.began = self.report = None

    def _took_one(self):
        with self.lock:
            if self.seen == 0:
                self.began = (time.monotonic(), time.process_time())
            self.seen += 1
            if self.seen == self.count:
                self.report = {"count": self.seen, "seconds": time.monotonic() - self.began[0],
                               "cpu_seconds": time.process_time() - self.began[1]}
                self.done.set()


def _empty(self, context, **arguments):
    self._took_one()


for _method in ("run_instance", "reboot_instance", "terminate_instance", "start_instance", "stop_instance",
                "power_on_instance", "power_off_instance", "get_console_output", "get_host_uptime"):
    setattr(Endpoint, _method, _empty)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--server", default="oslo-empty")
    parser.add_argument("--topic", default="compute")
    parser.add_argument("--exchange", default="nova")
    parser.add_argument("--count", type=int)
    parser.add_argument("--durable", action="store_true")
    parser.add_argument("--option", action="append", default=[])
    options = parser.parse_args()
    conf = configure(options.durable, options=options.option)
    transport = oslo_messaging.get_rpc_transport(conf, url=options.url)
    target = oslo_messaging.Target(exchange=options.exchange, topic=options.topic, server=options.server)
    endpoint = Endpoint(options.count)
    server = oslo_messaging.get_rpc_server(transport, target, [endpoint], executor="threading")
    server.start()
    say({"ready": True})

    def until_input_ends():
        sys.stdin.read()
        endpoint.done.set()

    if options.count is None:
        threading.Thread(target=until_input_ends, daemon=True).start()
    endpoint.done.wait()
    if endpoint.report is not None:
        with open("/proc/self/statm", encoding="ascii") as f:
            endpoint.report["resident_bytes"] = int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        say(endpoint.report)
    server.stop()
    server.wait()
    transport.cleanup()
    os._exit(0)


if __name__ == "__main__":
    main()
