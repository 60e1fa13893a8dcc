# SPDX-License-Identifier: Apache-2.0
"""The broker and the hypervisor, and what can be done to them."""
import glob
import os
import re
import shutil
import signal
import socket
import urllib.parse

from stage import Broker, Hypervisor, run, until


def pid_in(path):
    with open(path, encoding="ascii") as f:
        return int(f.read())


class ChaosBroker(Broker):
    other_ports = ()

    def restart(self):
        run(self.script, "restart", self.directory)

    def crash(self):
        run(self.script, "kill", self.directory)
        self.start()

    def signal(self, number):
        os.kill(pid_in(os.path.join(self.directory, "broker.pid")), number)

    def stop(self):
        try:
            self.signal(signal.SIGCONT)
        except (OSError, ValueError):
            pass
        super().stop()


class ChaosCluster:
    """Two brokers of one cluster that mirror their queues: what is confirmed is on both."""

    POLICY = '{"ha-mode":"all","ha-sync-mode":"automatic"}'

    def __init__(self, directory):
        self.nodes = [ChaosBroker(os.path.join(directory, name)) for name in ("one", "two")]

    def start(self):
        first, second = self.nodes
        first.start()
        # The second has the first one's cookie, password and name server, and ports of its own.
        os.makedirs(os.path.join(second.directory, "home"), mode=0o700)
        for name in ("password", "home/.erlang.cookie"):
            shutil.copy2(os.path.join(first.directory, name), os.path.join(second.directory, name))
        with open(os.path.join(first.directory, "ports"), encoding="ascii") as f:
            names = f.read().split()[2]
        with socket.socket() as one, socket.socket() as two:
            for end in (one, two):
                end.bind(("127.0.0.1", 0))
            ports = [str(end.getsockname()[1]) for end in (one, two)]
        with open(os.path.join(second.directory, "ports"), "w", encoding="ascii") as f:
            f.write(" ".join([*ports, names]) + "\n")
        second.start()
        second.ctl("stop_app")
        second.ctl("join_cluster", f"compute{urllib.parse.urlsplit(first.url).port}@localhost")
        second.ctl("start_app")
        self.url, self.other_ports = first.url, (urllib.parse.urlsplit(second.url).port,)
        return self

    def ctl(self, *arguments):
        if arguments[0] == "add_vhost":
            self.nodes[0].ctl(*arguments)
            return self.nodes[0].ctl("set_policy", "-p", arguments[1], "mirrored", ".*", self.POLICY)
        return self.nodes[0].ctl(*arguments)

    def kill(self, number):
        """One dies; the name server, which both have, goes on."""
        self.nodes[number].signal(signal.SIGKILL)

    def start_again(self, number, virtual_host):
        """It comes back, and has again what the other has."""
        self.nodes[number].start()

        def is_whole():
            lines = self.nodes[number].ctl("list_queues", "-p", virtual_host, "--no-table-headers", "exclusive",
                                           "synchronised_slave_pids").splitlines()
            return all(not line.startswith("false") or line.split("\t")[1] not in ("", "[]") for line in lines)

        until("the mirrors", 60, is_whole)

    def stop(self):
        for node in self.nodes:
            node.stop()


class ChaosHypervisor(Hypervisor):
    NOBODYS_JOB = re.compile(r"for domain (\S+); current job is \(none, none, start\) owned by \(0 <null>, 0 <null>")

    def stuck(self):
        """The names of guests that libvirt itself can do nothing to any more: it died while it started them, and keeps
        that job, which nobody does, for ever."""
        with open(os.path.join(self.directory, "log", "libvirtd.log"), encoding="utf-8", errors="replace") as f:
            return set(self.NOBODYS_JOB.findall(f.read()))

    def restart(self):
        run(self.script, "restart", self.directory)

    def crash(self):
        """libvirtd dies; its guests go on."""
        run(self.script, "kill", self.directory)

    def resume(self):
        run(self.script, "resume", self.directory)

    def forget(self):
        """libvirtd dies, and comes back without any guest: a job that nobody does outlives it with the guest's state."""
        self.crash()
        for place in (("run", "qemu"), ("etc", "qemu"), ("lib", "qemu", "save")):
            for path in glob.glob(os.path.join(self.directory, *place, "instance-*")):
                os.remove(path)
        self.resume()

    def signal(self, number):
        os.kill(pid_in(os.path.join(self.directory, "libvirtd.pid")), number)

    def stop(self):
        try:
            self.signal(signal.SIGCONT)
        except (OSError, ValueError):
            pass
        super().stop()
