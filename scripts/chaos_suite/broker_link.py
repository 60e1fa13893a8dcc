# SPDX-License-Identifier: Apache-2.0
"""Connections to the broker for the suite's own use."""
import time
import urllib.parse

import amqp

LOST = (OSError, amqp.exceptions.AMQPError)


class Address:
    """Where a broker is, taken from its transport URL, and the ports of the others of its cluster."""

    def __init__(self, url, virtual_host="/", others=()):
        parts = urllib.parse.urlsplit(url)
        self.host, self.port = parts.hostname, parts.port
        self.user, self.password = urllib.parse.unquote(parts.username), urllib.parse.unquote(parts.password)
        self.virtual_host, self.others = virtual_host, others

    def url(self, port=None):
        ports = [port] if port else [self.port, *self.others]
        places = ",".join(f"{self.user}:{self.password}@{self.host}:{port}" for port in ports)
        return f"rabbit://{places}/{self.virtual_host}"

    def connect(self, confirms=False):
        for port in self.others:
            try:
                return self.connect_to(port, confirms)
            except LOST:
                pass  # the first one is tried last, and tells
        return self.connect_to(self.port, confirms)

    def connect_to(self, port, confirms):
        connection = amqp.Connection(
            f"{self.host}:{port}", userid=self.user, password=self.password, virtual_host=self.virtual_host,
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
