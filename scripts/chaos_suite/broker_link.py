# SPDX-License-Identifier: Apache-2.0
"""Connections to the broker for the suite's own use."""
import time
import urllib.parse

import amqp

LOST = (OSError, amqp.exceptions.AMQPError)


class Address:
    """Where a broker is, taken from its transport URL."""

    def __init__(self, url, virtual_host="/"):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        self.user, self.password = urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password)
        self.virtual_host = virtual_host

    def url(self, port=None):
        return f"rabbit://{self.user}:{self.password}@{self.host}:{port or self.port}/{self.virtual_host}"

    def connect(self, confirms=False):
        connection = amqp.Connection(
            f"{self.host}:{self.port}", userid=self.user, password=self.password, virtual_host=self.virtual_host,
            connect_timeout=5, confirm_publish=confirms)
        connection.connect()
        return connection

    def connect_patiently(self, seconds, confirms=False, stopped=lambda: False):
        deadline = time.monotonic() + seconds
        while True:
            try:
                return self.connect(confirms)
            except LOST:
                if stopped() or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)  # nothing tells when a broker listens again


def close_quietly(connection):
    """Closes a connection that may be dead."""
    try:
        connection.collect()
    except LOST:
        pass
