# SPDX-License-Identifier: Apache-2.0
"""Casts that go on while something is broken: builds, reboots, pauses and the like of guests in memory, and some about
the host, which nothing but a fault of the worker can make fail."""
import threading
import time

from ..lives import send_pair


class Traffic:
    def __init__(self, scene, pace, limit=None):
        self.scene, self.pace, self.limit, self.trouble = scene, pace, limit, None
        self.guests, self.stopping = [], threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        api = self.scene.api
        try:
            while not self.stopping.is_set() and (self.limit is None or len(self.guests) < self.limit):
                guest = self.scene.new_instance()
                self.guests.append(guest)
                # Enveloped ones only: where a confirm is lost they are published again, under the same unique id.
                api.send("run_instance", guest)
                api.send("reboot_instance", guest)
                if len(self.guests) % 3 == 0:
                    send_pair(self.scene, guest)
                if len(self.guests) % 10 == 0:
                    api.send("set_host_enabled", None, enabled=True)
                self.stopping.wait(self.pace)
        except Exception as error:  # told on the scene's thread
            self.trouble = error

    def done(self):
        return not self.thread.is_alive()

    def stop(self):
        """Ends it, and deletes all guests as soon as each has been built and rebooted."""
        self.stopping.set()
        self.thread.join(150)
        if self.trouble:
            raise self.trouble
        left = self.scene.ledger.await_ends(list(self.scene.api.casts), 120, self.scene.worker.must_live)
        self.scene.measure("builds", len(self.guests), total=True)
        if not left:
            for guest in self.guests:
                self.scene.api.send("terminate_instance", guest)

    def finish(self):
        self.stop()
        self.scene.finish(patient=self.guests)


def open_with_traffic(scene, pace=0.05, limit=None, **options):
    scene.open("fake", **options)
    scene.worker.start()
    scene.worker.await_consuming()
    return Traffic(scene, pace, limit)


def served_within(scene, seconds, since):
    """Proves by a cast that it serves, measures when, and says so where it took longer than it may."""
    cast = scene.api.send("run_instance", scene.new_instance())
    left = scene.ledger.await_ends([cast], max(seconds, 60), scene.worker.must_live)
    took = (time.time() if left else scene.ledger.ends(cast)[0].at) - since
    scene.measure("served again s", took)
    if took > seconds:
        scene.violation("slow", f"served {took:.1f} s after all was well again, and has {seconds} s")
    scene.api.send("terminate_instance", cast.instance)
