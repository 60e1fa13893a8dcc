# SPDX-License-Identifier: Apache-2.0
"""The broker and the hypervisor, and what can be done to them."""
import os
import signal

from stage import Broker, Hypervisor, run


def pid_in(path):
    with open(path, encoding="ascii") as f:
        return int(f.read())


class ChaosBroker(Broker):
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


class ChaosHypervisor(Hypervisor):
    def restart(self):
        run(self.script, "restart", self.directory)

    def crash(self):
        """libvirtd dies; its guests go on."""
        run(self.script, "kill", self.directory)

    def resume(self):
        run(self.script, "resume", self.directory)

    def signal(self, number):
        os.kill(pid_in(os.path.join(self.directory, "libvirtd.pid")), number)

    def stop(self):
        try:
            self.signal(signal.SIGCONT)
        except (OSError, ValueError):
            pass
        super().stop()
