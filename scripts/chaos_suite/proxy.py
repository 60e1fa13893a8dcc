# SPDX-License-Identifier: Apache-2.0
"""A network between the worker and the broker that can be cut, go silent, or be deaf in one direction."""
import select
import socket
import struct
import threading


class Proxy:
    """Forwards one loopback port to another. Silence is not an end: no FIN and no RST tells of it."""

    def __init__(self, host, port):
        self.target = (host, port)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.pairs, self.lock, self.stopping = [], threading.Lock(), False
        self.up = self.down = self.accepting = True  # to the broker, from the broker, new connections
        self.wake_read, self.wake_write = socket.socketpair()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def set(self, up=True, down=True, accepting=True):
        """What passes from now on: towards the broker, from the broker, and whether anyone new is let in."""
        self.up, self.down, self.accepting = up, down, accepting
        self.wake()

    def black_hole(self):
        self.set(False, False, False)

    def half_open(self):
        """What the worker says arrives, what the broker says does not."""
        self.set(True, False, True)

    def heal(self):
        self.set()

    def cut(self):
        """Ends every connection at once, with RST."""
        with self.lock:
            pairs, self.pairs = self.pairs, []
        for pair in pairs:
            self.reset(pair)
        self.wake()

    @staticmethod
    def reset(pair):
        for end in pair:
            try:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass
            end.close()

    def connections(self):
        with self.lock:
            return len(self.pairs)

    def wake(self):
        self.wake_write.send(b"x")

    def run(self):
        while not self.stopping:
            with self.lock:
                pairs = [pair for pair in self.pairs if pair[0].fileno() >= 0]
            reads = [self.wake_read] + ([self.listener] if self.accepting else [])
            reads += [client for client, _ in pairs if self.up] + [server for _, server in pairs if self.down]
            try:
                ready, _, _ = select.select(reads, [], [], 1)
            except (OSError, ValueError):
                continue  # closed by a cut in between
            for end in ready:
                if end is self.wake_read:
                    end.recv(64)
                elif end is self.listener:
                    self.accept()
                else:
                    self.forward(end, pairs)

    def accept(self):
        client, _ = self.listener.accept()
        try:
            server = socket.create_connection(self.target, 5)
        except OSError:
            client.close()
            return
        for end in (client, server):
            end.settimeout(5)
        with self.lock:
            self.pairs.append((client, server))

    def forward(self, end, pairs):
        pair = next((p for p in pairs if end in p), None)
        other = pair[1] if end is pair[0] else pair[0]
        try:
            data = end.recv(1 << 16)
            if data:
                other.sendall(data)
                return
        except OSError:
            pass
        with self.lock:
            self.pairs = [p for p in self.pairs if p is not pair]
        self.reset(pair)

    def stop(self):
        self.stopping = True
        self.wake()
        self.thread.join(10)
        self.cut()
        self.listener.close()
