# SPDX-License-Identifier: Apache-2.0
"""What must be so of guests that lived through all operations, beside what holds for each run."""
import os

from . import rest
from .casts import IMAGE
from .operations import OPERATIONS, QUESTIONS
from .witnesses import files_below

OWN_FILES = {"disk", "console.log"}
PATIENCE = 10  # seconds for an answer, if nobody kills


def audit_lives(scene, lives):
    by_instance = {life.instance: life for life in lives}
    for life in lives:
        if life.stays and not life.was_harmed and not life.wishes:
            last = [cast for cast in life.casts if scene.ledger.ends(cast)][-1]
            rest.look(scene, life, last)
            files(scene, life)
    audit_unasked(scene, lives)
    audit_updates(scene)
    audit_answers(scene)
    audit_images(scene, lives)
    audit_volumes(scene, lives)
    audit_claims(scene, by_instance)


def files(scene, life):
    """A guest that is not rescued has its disk and its console, and nothing of what was done on the way."""
    place = os.path.join(scene.instances, life.instance)
    own = OWN_FILES | ({"host"} if life.state == "resized" else set())  # whose the disk is, until it is confirmed
    left = set(files_below(place)) - own
    if left and life.state not in ("rescued",):
        scene.violation("leak", f"{life.instance}, which is {life.state}, has {sorted(left)} beside its disk")


def audit_unasked(scene, lives):
    """No guest was started but by a cast that starts it; what was resumed or started was so once."""
    told = {cast.request for cast in scene.api.casts}
    for event in scene.ledger.told():
        if event.request not in told and (event.name.startswith("power_") or event.type == "sync_power_state"):
            scene.violation("unasked", f"{event.instance} told {event.name}, and nobody asked for it")
    for life in lives:
        name = scene.api.arguments(life.instance)["instance"]["name"]
        windows = []
        for cast in life.casts:
            ends = scene.ledger.ends(cast)
            if cast.operation.starts and ends:
                windows.append((cast.sent_at, ends[0].at))
        for at in scene.guest_launches(name):
            if not any(began <= at <= ended for began, ended in windows):
                scene.violation("unasked", f"{life.instance} was started at {at:.3f}, in no cast that starts it")


def audit_updates(scene):
    """What no event ends tells one update that ends its task, under one id."""
    for cast in scene.api.casts:
        if not (cast.operation.is_quiet and cast.operation.leaves and cast.quiet_end):
            continue
        ends = [event for event in scene.ledger.about(cast.request)
                if event.name == "update" and event.state == cast.operation.leaves and not event.new_task]
        if len(ends) != 1:
            scene.violation("twice" if ends else "lost", f"{cast} told {len(ends)} updates to {cast.operation.leaves}")


def audit_answers(scene):
    """Each call has one answer; a question, which nothing remembers, may lose it to a kill."""
    for text in scene.replies.unreadable:
        scene.violation("unreadable", text)
    calls = scene.api.questions + [cast for cast in scene.api.casts if cast.message]
    for call in calls:
        answers = scene.replies.to(call)
        was_killed = any(call.sent_at <= at <= call.sent_at + PATIENCE
                         for worker in scene.workers for at in worker.launches)
        may_be_lost = call.method in QUESTIONS and was_killed
        if not answers and not may_be_lost:
            scene.violation("unanswered", f"{call} has no answer")
        elif len(answers) > 1 and not was_killed:
            scene.violation("twice", f"{call} has {len(answers)} answers")
        if call.method not in QUESTIONS and len({str(answer) for answer in answers}) > 1:
            scene.violation("changed", f"{call} has different answers: {answers}")
        scene.measure("answers", len(answers), total=True)
        scene.measure("calls", 1, total=True)


def audit_images(scene, lives):
    """An image is listed whole or not at all, and what a snapshot that ended well made is there."""
    found = set(os.listdir(scene.images)) - {IMAGE, IMAGE + ".json"}
    asked = {cast.wish.extra["image_id"] for life in lives for cast in life.casts if cast.method == "snapshot_instance"}
    for name in found:
        image = name.removesuffix(".json")
        if image not in asked or {image, image + ".json"} - found:
            scene.violation("leak", f"{name} is left among the images")
    for life in lives:
        if life.is_patient and not life.was_harmed:
            for image, _ in life.images:
                if image not in found:
                    scene.violation("lost", f"the image {image} of {life.instance} is not there")
    scene.measure("images", len(found) // 2, total=True)


def audit_volumes(scene, lives):
    """A volume is held by who has it, and by nobody who is gone."""
    for life in lives:
        is_gone = any(cast.method == "terminate_instance" for cast in life.casts)
        if life.volume and is_gone and scene.is_held(life.volume):
            scene.violation("leak", f"the volume {life.volume} is held by {life.instance}, which is deleted")


def audit_claims(scene, by_instance):
    """Who lives has its claim, and who is gone has none."""
    claims = scene.journal.claims()
    living = {instance for instance, life in by_instance.items() if scene.journal.row(instance)}
    for instance, purpose in claims:
        life = by_instance.get(instance)
        if instance not in living:
            scene.violation("leak", f"{instance}, which is gone, has claimed something ({purpose})")
        elif purpose == "resize" and life.state != "resized" and not life.was_harmed:
            scene.violation("leak", f"{instance}, which is {life.state}, has two claims")
    for instance in living - {claimed for claimed, _ in claims}:
        if not by_instance[instance].was_harmed:
            scene.violation("claim", f"{instance} lives and has claimed nothing")


def audit_outcomes(scene, casts):
    """Each cast, and what follows from it, stands in the journal once, and its end is the one that was told."""
    found = scene.journal.outcomes()
    for cast in casts:
        rows = found.get(cast.request, [])
        for method in (cast.method, *cast.operation.follows):
            own = [row for row in rows if row[0] == method]
            if len(own) > 1:
                scene.violation("twice", f"{cast} stands {len(own)} times in the journal as {method}")
        if cast.method not in [row[0] for row in rows]:
            scene.violation("lost", f"{cast} does not stand in the journal")
            continue
        ends = scene.ledger.ends(cast)
        outcomes = {outcome for _, outcome, _ in rows}
        if ends and (ends[0].priority != "ERROR") != (outcomes == {"succeeded"}):
            scene.violation("differs", f"{cast} told {ends[0].name} with {ends[0].priority}, "
                                       f"and the journal has {sorted(map(str, outcomes))}")
    scene.measure("operations", len({cast.method for cast in casts} & set(OPERATIONS)))
