# SPDX-License-Identifier: Apache-2.0
"""What must be so at the end of every run, whatever was killed, cut or filled up in it."""
import collections


def audit_ends(scene, casts, may_fail, is_end=lambda cast, event: True):
    """Each cast has exactly one end, by message id; a failure only where it is to be expected, and with a cause."""
    for cast in casts:
        ends = [event for event in scene.ledger.ends(cast) if is_end(cast, event)]
        if not ends:
            told = names(scene.ledger.about(cast.request)) or "no event at all"
            scene.violation("lost", f"{cast} has no end: {told}")
        elif len(ends) > 1:
            scene.violation("twice", f"{cast} ended {len(ends)} times under different ids: {names(ends)}")
        for event in ends:
            if event.priority == "ERROR" and not event.cause:
                scene.violation("no cause", f"{cast} failed without a cause")
            elif event.priority == "ERROR" and not may_fail(cast, event):
                scene.violation("failed", f"{cast} failed: {event.cause}")
        told = collections.Counter(event.name for event in scene.ledger.about(cast.request))
        for name in cast.operation.events:
            if told[name] > 1:
                scene.violation("twice", f"{cast} told {name} {told[name]} times under different ids")
            if ends and ends[0].priority != "ERROR" and told[name] != 1:
                scene.violation("lost", f"{cast} ended well, but told {name} {told[name]} times")


def names(events):
    return ", ".join(event.name for event in events)


def audit_order(scene, casts, patient):
    """The first arrivals per instance are in the order of the life; exactly so where each cast waited for the last."""
    by_instance, told = collections.defaultdict(list), collections.defaultdict(list)
    for cast in casts:
        by_instance[cast.instance].append(cast)
    requests = {cast.request: cast for cast in casts}
    for event in scene.ledger.told():
        if event.request in requests and event.name != "update":
            told[requests[event.request].instance].append(event)
    for instance, own in by_instance.items():
        seen = [event.name for event in told[instance]]
        if instance in patient:
            failed = {event.request for event in told[instance] if event.priority == "ERROR"}
            good = [event.name for event in told[instance] if event.request not in failed]
            expected = [name for cast in own if cast.request not in failed for name in cast.operation.events]
            if good != expected:
                scene.violation("order", f"{instance} told {good}, expected {expected}")
        for cast in own:
            mine = [e.name for e in told[instance] if e.request == cast.request and e.name in cast.operation.events]
            if mine != [name for name in cast.operation.events if name in mine]:
                scene.violation("order", f"{cast} told {mine}")
        if "delete.end" in seen and seen[-1] != "delete.end":
            scene.violation("order", f"{instance} told {seen[seen.index('delete.end') + 1:]} after delete.end")


def audit_copies(scene):
    """What is told again under the same message id is the same, to the byte."""
    for text in scene.ledger.unreadable:
        scene.violation("unreadable", text)
    first = scene.ledger.first
    for event in list(scene.ledger.events):
        if event.digest != first[event.id].digest:
            scene.violation("changed", f"{event.id} ({event.name}) was told with two contents")
    scene.measure("told again", len(scene.ledger.events) - len(first))


def audit_sequence(scene):
    """The numbers of an instance's events, by who tells them, have no gap, and rise in the order of first arrival."""
    numbers, without = collections.defaultdict(list), 0
    instances = {cast.request: cast.instance for cast in scene.api.casts}
    for event in scene.ledger.told():
        instance = event.instance or instances.get(event.request)
        if instance and event.sequence is not None:
            numbers[instance, event.publisher].append(event.sequence)
        elif instance:
            without += 1
    if without:
        scene.violation("sequence", f"{without} events of instances have no number")
    for (instance, _), found in numbers.items():
        if any(later <= earlier for earlier, later in zip(found, found[1:])):
            scene.violation("sequence", f"{instance}'s numbers do not rise: {found}")
        elif found[-1] - found[0] + 1 != len(found):
            scene.violation("sequence", f"{instance}'s numbers have a gap: {found}")
    scene.measure("numbered events", sum(map(len, numbers.values())))


def audit_journal(scene, gone):
    """Nothing is left to be done, and nothing is registered for who is gone."""
    left = scene.journal.left_over()
    if left:
        scene.violation("journal", left)
    without = {instance.replace("-", "") for instance in gone}
    for instance, kind, name in scene.journal.resources():
        if instance in without:
            scene.violation("leak", f"the journal has {kind} {name} of {instance}, which is deleted")
    for instance in scene.journal.instances():
        if instance in gone:
            scene.violation("leak", f"the journal has instance {instance}, which is deleted")


def audit_queues(scene):
    """No cast is left at the broker, and none was given up."""
    for queue, count in scene.depths().items():
        if count and queue.startswith("compute"):
            scene.violation("queue", f"{count} messages are left in {queue}")


def audit_starts(scene, casts):
    """No guest that ran when the worker came back was thrown away and built, or rebooted, once more."""
    for cast in casts:
        if not cast.operation.starts:
            continue
        ends = scene.ledger.ends(cast)
        if not ends:
            continue
        name = scene.api.arguments(cast.instance)["instance"]["name"]
        starts = [at for at in scene.starts.of(name) if cast.sent_at <= at <= ends[0].at]
        for first, second in zip(starts, starts[1:]):
            if not cast.operation.again and any(first < launch < second for launch in scene.worker.launches):
                scene.violation("built twice", f"{cast} started its guest at {first:.3f} and, after a restart of the "
                                f"worker, again at {second:.3f}")
        starts = [at for at in scene.guest_launches(name) if cast.sent_at <= at <= ends[0].at]
        if ends[0].priority != "ERROR" and not starts:
            scene.violation("not built", f"{cast} ended well without a start of its guest")
        scene.measure("guests started", len(starts), total=True)
