#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A caller of Folsom's RPC over kombu: flat messages, a direct exchange and queue per call, two frames per reply.

usage: kombu_folsom.py TRANSPORT_URL [--durable] [COMMAND_JSON]...

Commands come as arguments, or line by line on standard input (client_main.py). A command:
  {"kind": "cast" | "call" | "fanout" | "publish",
   "golden": "f02-run_instance.json", "index": 0, "replace": {"old text": "new text"}   a recorded body, sent as it was
   | "body": {...} | "text": "any bytes as text"
   | "method": M, "prepared": {...}, "version": "2.0",
   "routing_key": "compute.HOST", "exchange": "nova", "topic": "compute", "timeout": SECONDS, "properties": {...}}
"replace" also takes dotted paths in "set": {"args.instance.host": "h"}; a body that is set is encoded anew.
Answers: {"sent": 1} | {"frames": [...], "result": R, "failure": {...} | null, "ended": true | false}.
"""
import argparse
import json
import socket
import uuid

import kombu

from client_main import serve
from wire_messages import CONTEXT, golden_body, prepared_arguments

PROPERTIES = {"content_type": "application/json", "content_encoding": "utf-8", "delivery_mode": 2, "priority": 0}


def transport_url(url):
    return "amqp://" + url.split("://", 1)[1] if url.startswith("rabbit://") else url


class Caller:
    def __init__(self, url, durable):
        url = transport_url(url)
        if url.endswith("/"):
            url += "/"  # oslo's empty virtual host is "/"; kombu wants it spelt
        self.connection = kombu.Connection(url, connect_timeout=10)
        self.connection.connect()
        self.durable = durable

    def body(self, command):
        if "text" in command:
            return command["text"], None
        if "golden" in command:
            text = golden_body(command["golden"], command.get("index", 0))
        elif "body" in command:
            text = json.dumps(command["body"])
        else:
            arguments = command.get("args")
            if "prepared" in command:
                arguments = prepared_arguments({"method": command["method"], **command["prepared"]})
            body = {"method": command["method"], "args": arguments or {}, "version": command.get("version", "2.0")}
            body.update({"_context_" + k: v for k, v in CONTEXT.items()})
            text = json.dumps(body)
        for old, new in command.get("replace", {}).items():
            text = text.replace(old, new)
        body = json.loads(text)
        changed = False
        for path, value in command.get("set", {}).items():
            *parents, last = path.split(".")
            place = body
            for parent in parents:
                place = place[parent]
            place[last] = value
            changed = True
        if command["kind"] == "call":
            fresh = uuid.uuid4().hex
            if body.get("_msg_id"):
                text = text.replace(body["_msg_id"], fresh)
            else:
                changed = True
            body["_msg_id"] = fresh
        return (json.dumps(body) if changed else text), body.get("_msg_id")

    def perform(self, command):
        kind = command["kind"]
        text, msg_id = self.body(command)
        topic = command.get("topic", "compute")
        with self.connection.channel() as channel:
            if kind == "fanout":
                exchange = kombu.Exchange(f"{topic}_fanout", "fanout", durable=False, auto_delete=True)
                routing_key = ""
            else:
                exchange = kombu.Exchange(command.get("exchange", "nova"), "topic", durable=self.durable,
                                          auto_delete=False)
                routing_key = command.get("routing_key", topic)
            if kind != "call":
                self.publish(channel, exchange, routing_key, text, command)
                return {"sent": 1}
            frames = []
            replies = kombu.Queue(msg_id, kombu.Exchange(msg_id, "direct", durable=False, auto_delete=True), msg_id,
                                  durable=False, exclusive=True, auto_delete=True)
            consumer = kombu.Consumer(channel, [replies], accept=["json"], auto_declare=True,
                                      callbacks=[lambda body, message: (frames.append(body), message.ack())])
            self.publish(channel, exchange, routing_key, text, command)
            with consumer:
                return self.collect(frames, command.get("timeout", 30))

    def publish(self, channel, exchange, routing_key, text, command):
        exchange(channel).declare()
        properties = {**PROPERTIES, **command.get("properties", {})}
        message = channel.prepare_message(text.encode("utf-8"), properties.pop("priority"),
                                          properties.pop("content_type"), properties.pop("content_encoding"), {},
                                          properties)
        channel.basic_publish(message, exchange.name, routing_key)

    def collect(self, frames, timeout):
        """As Folsom's caller reads: the last result before `ending`, or the first failure."""
        result, ended, failure = None, False, None
        taken = 0
        while not ended and failure is None:
            try:
                self.connection.drain_events(timeout=timeout)
            except socket.timeout:
                break
            for frame in frames[taken:]:
                taken += 1
                if frame["failure"]:
                    failure = json.loads(frame["failure"])
                elif frame.get("ending", False):
                    ended = True
                else:
                    result = frame["result"]
        return {"frames": frames, "result": result, "failure": failure, "ended": ended}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--durable", action="store_true")
    parser.add_argument("commands", nargs="*")
    options = parser.parse_args()
    caller = Caller(options.url, options.durable)
    try:
        serve(caller.perform, options.commands or None)
    finally:
        caller.connection.release()


if __name__ == "__main__":
    main()
