#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A witness at the broker: collects what passes, counts what waits, and publishes anything, also what nobody should.

usage: probe.py TRANSPORT_URL

Commands come line by line on standard input (client_main.py):
  {"do": "collect", "queue": Q, "durable": bool, "declare": bool, "bindings": [{"exchange": E, "type": T,
   "durable": bool, "auto_delete": bool, "key": K}]}    consumes from a queue from now on, and keeps all of it
  {"do": "wait", "queue": Q, "timeout": S, <until>}     all that was collected there, when <until> holds or time is up:
     "count": N | "events": [{"type": T, "instance": U, "count": N}] (all of them), "settle": S (that long nothing new)
  {"do": "publish", "exchange": E, "key": K, "text": T | "hex": H | "fill": [BYTE, COUNT], "head": T, "tail": T,
   "repeat": N, "properties": {...}, "declare": {"type": T, "durable": bool, "auto_delete": bool}}
  {"do": "depth", "queue": Q}                           how many messages wait in it (null where it is not there), how many consume
  {"do": "forget", "queue": Q}                          all that was collected there
  {"do": "reconnect"}                                   after the broker went
A collected message: {"exchange", "key", "headers", "properties", "body", "size", "message": decoded or null}.
"""
import json
import socket
import sys
import time

import amqp
import kombu

from client_main import serve


class Probe:
    def __init__(self, url):
        self.url = "amqp://" + url.split("://", 1)[1]
        self.collections, self.collected = {}, {}
        self.connect()

    def connect(self, patience=60):
        deadline = time.monotonic() + patience
        while True:
            try:
                self.connection = kombu.Connection(self.url, connect_timeout=10)
                self.connection.connect()
                break
            except (OSError, amqp.exceptions.AMQPError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)  # nothing tells when a broker listens again
        self.channel = self.connection.default_channel
        for command in self.collections.values():
            self.consume(command)

    def perform(self, command):
        return getattr(self, "do_" + command["do"])(command)

    def do_reconnect(self, command):
        try:
            self.connection.release()
        except (OSError, amqp.exceptions.AMQPError):
            pass
        self.connect()
        return {}

    def do_collect(self, command):
        if not command.get("declare", True):
            self.await_queue(command["queue"])
        self.collections[command["queue"]] = command
        self.collected.setdefault(command["queue"], [])
        self.consume(command)
        return {}

    def await_queue(self, queue, patience=30):
        """Others make some queues only when they need them, and nothing tells of it."""
        deadline = time.monotonic() + patience
        while self.do_depth({"queue": queue})["depth"] is None and time.monotonic() < deadline:
            time.sleep(0.05)

    def do_forget(self, command):
        self.collected[command["queue"]].clear()
        return {}

    def consume(self, command):
        name, durable = command["queue"], command.get("durable", False)
        channel = self.connection.channel()
        if command.get("declare", True):
            channel.queue_declare(name, durable=durable, exclusive=False, auto_delete=not durable)
        for binding in command.get("bindings", []):
            if not binding["exchange"].startswith("amq."):
                channel.exchange_declare(binding["exchange"], binding.get("type", "topic"), durable=binding.get(
                    "durable", False), auto_delete=binding.get("auto_delete", False))
            channel.queue_bind(name, binding["exchange"], binding["key"])

        def take(message):
            body = message.body if isinstance(message.body, bytes) else message.body.encode("utf-8", "surrogateescape")
            self.collected[name].append(self.record(message, body))
            channel.basic_ack(message.delivery_tag)

        channel.basic_consume(name, callback=take)

    @staticmethod
    def record(message, body):
        properties = dict(message.properties)
        headers = properties.pop("application_headers", {}) or {}
        info = message.delivery_info
        record = {"exchange": info["exchange"], "key": info["routing_key"], "size": len(body),
                  "headers": json.loads(json.dumps(headers, default=str)),
                  "properties": json.loads(json.dumps(properties, default=str)),
                  "body": body.decode("utf-8", "backslashreplace"), "message": None}
        try:
            decoded = json.loads(body)
            if isinstance(decoded, dict) and "oslo.message" in decoded:
                decoded = json.loads(decoded["oslo.message"])
            record["message"] = decoded
        except (ValueError, TypeError, RecursionError):
            pass
        return record

    def do_wait(self, command):
        name = command["queue"]
        deadline = time.monotonic() + command.get("timeout", 30)
        settle = command.get("settle")
        held = False
        while True:
            if not held and self.holds(command, self.collected[name]):
                held = True
                if settle is not None:
                    deadline = time.monotonic() + settle
            if held and settle is None:
                break
            left = deadline - time.monotonic()
            if left <= 0:
                break
            try:
                self.connection.drain_events(timeout=left)
            except socket.timeout:
                break
            except (OSError, amqp.exceptions.AMQPError):
                self.do_reconnect(command)
        return {"messages": self.collected[name], "complete": held}

    @staticmethod
    def holds(command, messages):
        if "events" not in command:
            return len(messages) >= command.get("count", 0)
        for wanted in command["events"]:
            seen = set()
            for record in messages:
                message = record["message"]
                if isinstance(message, dict) and message.get("event_type") == wanted["type"]:
                    payload = message.get("payload") or {}
                    instance = payload.get("instance_id") or (payload.get("instance") or {}).get("uuid")
                    if "instance" not in wanted or instance == wanted["instance"]:
                        seen.add(message["message_id"])
            if len(seen) < wanted.get("count", 1):
                return False
        return True

    def do_publish(self, command):
        if "hex" in command:
            body = bytes.fromhex(command["hex"])
        elif "fill" in command:
            byte, count = command["fill"]
            body = byte.encode() * count
        else:
            body = command["text"].encode("utf-8")
        body = command.get("head", "").encode() + body + command.get("tail", "").encode()
        properties = {"content_type": "application/json", "content_encoding": "utf-8", "delivery_mode": 2,
                      "priority": 0, **command.get("properties", {})}
        with self.connection.channel() as channel:
            declare = command.get("declare")
            if declare:
                channel.exchange_declare(command["exchange"], declare["type"], durable=declare.get("durable", False),
                                         auto_delete=declare.get("auto_delete", False))
            channel.confirm_select()
            for _ in range(command.get("repeat", 1)):
                channel.basic_publish_confirm(amqp.basic_message.Message(body, **properties),
                                              command.get("exchange", ""), command["key"])
        return {"sent": command.get("repeat", 1), "size": len(body)}

    def do_depth(self, command):
        channel = self.connection.channel()
        try:
            found = channel.queue_declare(command["queue"], passive=True)
            channel.close()
            return {"depth": found.message_count, "consumers": found.consumer_count}
        except amqp.exceptions.NotFound:
            return {"depth": None}


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    serve(Probe(sys.argv[1]).perform)


if __name__ == "__main__":
    main()
