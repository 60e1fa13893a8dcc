# SPDX-License-Identifier: Apache-2.0
"""No fault at all: what the self-test plants its violations in."""


def play(scene):
    scene.open("libvirt")
    scene.worker.start()
    scene.worker.await_consuming()
    guest = scene.new_instance()
    for method in ("run_instance", "reboot_instance", "terminate_instance"):
        cast = scene.api.send(method, guest)
        scene.ledger.await_ends([cast], 60, scene.worker.must_live)
    scene.finish(seconds=5, patient=[guest])
