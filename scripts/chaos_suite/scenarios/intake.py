# SPDX-License-Identifier: Apache-2.0
"""kill -9 while casts stream in: between delivery, journal and acknowledgement. Nothing is worked on meanwhile, so that
the journal shows what was taken in; then all of it is done."""
import collections
import threading
import time

CASTS = 600
KILLS = 12


def play(scene):
    scene.open("fake")
    scene.worker.start(lanes_closed="true")
    scene.worker.await_consuming()
    trouble = []

    def publish():
        try:
            for _ in range(CASTS):
                scene.api.send("run_instance", scene.new_instance(), scene.random.choice(("enveloped", "flat")))
        except Exception as error:  # told below, on the thread that judges
            trouble.append(error)

    publisher = threading.Thread(target=publish)
    publisher.start()
    while publisher.is_alive() and scene.worker.kills < KILLS:
        time.sleep(scene.random.choice((scene.duration(0, 0.05), scene.duration(0.1, 0.6))))
        scene.worker.kill()
        scene.worker.start()
    publisher.join()
    if trouble:
        raise trouble[0]
    scene.worker.await_consuming()
    deadline = time.monotonic() + 60
    while scene.journal.count("journal", "outcome IS NULL") < CASTS and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)  # what would come twice has this long to come
    rows = collections.Counter(row[0] for row in scene.journal.query("SELECT request_id FROM journal"))
    for cast in scene.api.casts:
        if rows[cast.request] != 1:
            scene.violation("lost" if not rows[cast.request] else "twice",
                            f"{cast} stands {rows[cast.request]} times in the journal")
    scene.worker.kill()
    scene.measure("kills", scene.worker.kills)
    scene.worker.start(lanes_closed="false")
    scene.finish(seconds=120, patient=[cast.instance for cast in scene.api.casts])
