#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""oslo.messaging's own RPC server with a handler that does nothing.

usage: oslo_empty_server.py --url rabbit://USER:PASSWORD@HOST:PORT/VHOST [--topic compute] [--server bench]

Says `ready` when it consumes; on SIGTERM stops and prints one line of JSON: how many casts it has handled.
"""
import argparse
import json
import signal
import threading

import oslo_messaging
from oslo_config import cfg


class Endpoint:
    target = oslo_messaging.Target(version="2.2")

    def __init__(self):
        self.lock = threading.Lock()
        self.handled = 0

    def _count(self):
        with self.lock:
            self.handled += 1

    def run_instance(self, context, **arguments):
        self._count()

    def reboot_instance(self, context, **arguments):
        self._count()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--url", required=True)
    parser.add_argument("--topic", default="compute")
    parser.add_argument("--server", default="bench")
    parser.add_argument("--durable", default="true", choices=("true", "false"))
    arguments = parser.parse_args()
    configuration = cfg.ConfigOpts()
    configuration([], default_config_files=[], default_config_dirs=[])
    transport = oslo_messaging.get_rpc_transport(configuration, url=arguments.url)
    configuration.set_override("amqp_durable_queues", arguments.durable == "true", group="oslo_messaging_rabbit")
    endpoint = Endpoint()
    target = oslo_messaging.Target(exchange="nova", topic=arguments.topic, server=arguments.server)
    server = oslo_messaging.get_rpc_server(transport, target, [endpoint], executor="threading",
                                           access_policy=oslo_messaging.DefaultRPCAccessPolicy)
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    server.start()
    print("ready", flush=True)
    ended.wait()
    server.stop()
    server.wait()
    transport.cleanup()
    print(json.dumps({"handled": endpoint.handled}), flush=True)


if __name__ == "__main__":
    main()
