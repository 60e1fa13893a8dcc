#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A notification listener of oslo.messaging: prints each notification as one line of JSON, after {"ready": true}.

usage: oslo_listener.py TRANSPORT_URL [--topic notifications]... [--exchange nova] [--durable] [--pool NAME] [--count N]
It ends after N notifications, or when its standard input ends.
"""
import argparse
import os
import sys
import threading

from client_main import say
from oslo_setup import configure, oslo_messaging


class Endpoint:
    def __init__(self, count):
        self.remaining, self.lock, self.done = count, threading.Lock(), threading.Event()

    def _take(self, priority, context, publisher_id, event_type, payload, metadata):
        with self.lock:
            if self.done.is_set():
                return oslo_messaging.NotificationResult.REQUEUE
            say({"priority": priority, "context": context, "publisher_id": publisher_id, "event_type": event_type,
                 "payload": payload, "metadata": metadata})
            if self.remaining is not None:
                self.remaining -= 1
                if self.remaining == 0:
                    self.done.set()
        return oslo_messaging.NotificationResult.HANDLED

    def info(self, *arguments):
        return self._take("info", *arguments)

    def error(self, *arguments):
        return self._take("error", *arguments)

    def warn(self, *arguments):
        return self._take("warn", *arguments)

    def audit(self, *arguments):
        return self._take("audit", *arguments)

    def debug(self, *arguments):
        return self._take("debug", *arguments)

    def critical(self, *arguments):
        return self._take("critical", *arguments)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--topic", action="append")
    parser.add_argument("--exchange", default="nova")
    parser.add_argument("--durable", action="store_true")
    parser.add_argument("--pool")
    parser.add_argument("--count", type=int)
    options = parser.parse_args()
    conf = configure(options.durable)
    transport = oslo_messaging.get_notification_transport(conf, url=options.url)
    targets = [oslo_messaging.Target(topic=t, exchange=options.exchange) for t in options.topic or ["notifications"]]
    endpoint = Endpoint(options.count)
    listener = oslo_messaging.get_notification_listener(
        transport, targets, [endpoint], executor="threading", allow_requeue=True, pool=options.pool)
    # One thread: with more, messages that arrive in order are told in whatever order their threads run.
    listener.start(override_pool_size=1)  # its queues are declared and bound when this returns
    say({"ready": True})

    def until_input_ends():
        sys.stdin.read()
        endpoint.done.set()

    threading.Thread(target=until_input_ends, daemon=True).start()
    endpoint.done.wait()
    listener.stop()
    listener.wait()
    transport.cleanup()
    os._exit(0)  # the reader of standard input may still wait


if __name__ == "__main__":
    main()
