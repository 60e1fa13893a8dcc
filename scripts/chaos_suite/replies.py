# SPDX-License-Identifier: Apache-2.0
"""Who waits for the answers to calls."""
import json
import socket
import threading

from .broker_link import LOST, close_quietly

QUEUE = "reply_" + "c4a05" + 27 * "0"  # the form of a client's, which is all that the worker replies to


class Replies:
    """Reads the queue of replies in a thread, and keeps all of them by the call that they answer."""

    def __init__(self, address):
        self.address, self.by_message, self.unreadable, self.stopping = address, {}, [], False
        connection = address.connect_patiently(30)
        channel = connection.channel()
        channel.queue_declare(QUEUE, durable=True, auto_delete=False)
        channel.exchange_declare(QUEUE, "direct", durable=False, auto_delete=False)
        channel.queue_bind(QUEUE, QUEUE, QUEUE)
        connection.close()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while not self.stopping:
            connection = None
            try:
                connection = self.address.connect_patiently(3600, stopped=lambda: self.stopping)
                connection.channel(1).basic_consume(QUEUE, callback=self.take)
                while not self.stopping:
                    try:
                        connection.drain_events(timeout=0.5)
                    except socket.timeout:
                        pass
            except LOST:
                pass
            if connection is not None:
                close_quietly(connection)

    def take(self, message):
        try:
            told = json.loads(message.body)
            told = json.loads(told["oslo.message"]) if "oslo.message" in told else told
            if "result" in told or told.get("failure"):
                failure = told.get("failure")
                failure = json.loads(failure) if isinstance(failure, str) else failure
                self.by_message.setdefault(told["_msg_id"], []).append(
                    (told.get("result"), failure and failure.get("class")))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.unreadable.append(f"{error!r} in {message.body[:300]!r}")
        message.channel.basic_ack(message.delivery_tag)

    def to(self, cast):
        """The answers to a call: [(result, class of the failure)]."""
        return list(self.by_message.get(cast.message, ()))

    def stop(self):
        self.stopping = True
        self.thread.join(10)
