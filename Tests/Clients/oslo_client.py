#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An RPC client of oslo.messaging: casts, calls and fanouts against a compute worker.

usage: oslo_client.py TRANSPORT_URL [--durable] [--option section.key=value]... [COMMAND_JSON]...

Commands come as arguments, or line by line on standard input (client_main.py). A command:
  {"kind": "cast" | "call" | "fanout", "method": M,
   "args": {...} | "prepared": {"uuid": U, "host": H, "image_id": I, "extra": {...}},
   "server": HOST, "topic": "compute", "exchange": "nova", "version": "2.0", "namespace": N, "timeout": SECONDS,
   "call_monitor_timeout": SECONDS, "allowed_remote_exmods": ["nova.exception"], "context": {...}, "repeat": N}
Answers: {"sent": N} | {"result": R} | {"error": {"class", "module", "bases", "exc_type", "value", "message"}}.
"""
import argparse

from client_main import serve
from oslo_setup import configure, oslo_messaging
from wire_messages import CONTEXT, prepared_arguments


class Client:
    def __init__(self, url, conf):
        self.url, self.conf, self.transports = url, conf, {}

    def transport(self, modules):
        key = tuple(modules)
        if key not in self.transports:
            self.transports[key] = oslo_messaging.get_rpc_transport(
                self.conf, url=self.url, allowed_remote_exmods=list(modules))
        return self.transports[key]

    def perform(self, command):
        kind, method = command["kind"], command["method"]
        target = oslo_messaging.Target(
            exchange=command.get("exchange", "nova"), topic=command.get("topic", "compute"),
            server=command.get("server"), version=command.get("version", "2.0"), namespace=command.get("namespace"),
            fanout=True if kind == "fanout" else None)
        client = oslo_messaging.get_rpc_client(
            self.transport(command.get("allowed_remote_exmods", [])), target,
            timeout=command.get("timeout", 30), call_monitor_timeout=command.get("call_monitor_timeout"))
        if "prepared" in command:
            arguments = prepared_arguments({"method": method, **command["prepared"]})
        else:
            arguments = command.get("args", {})
        context = {**CONTEXT, **command.get("context", {})}
        if kind == "call":
            return {"result": client.call(context, method, **arguments)}
        for _ in range(command.get("repeat", 1)):
            client.cast(context, method, **arguments)
        return {"sent": command.get("repeat", 1)}

    def close(self):
        for transport in self.transports.values():
            transport.cleanup()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--durable", action="store_true")
    parser.add_argument("--option", action="append", default=[])
    parser.add_argument("commands", nargs="*")
    options = parser.parse_args()
    client = Client(options.url, configure(options.durable, options=options.option))
    try:
        serve(client.perform, options.commands or None)
    finally:
        client.close()


if __name__ == "__main__":
    main()
