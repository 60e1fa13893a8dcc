# SPDX-License-Identifier: Apache-2.0
"""What must be so of guests that moved between two hosts, as it is seen from outside."""
import collections
import os

from stage import StageFailure, until

from . import audit, audit_lives
from .witnesses import files_below, guests

OWN_FILES = {"disk", "console.log", "host"}
TOLERANCE = 0.5  # seconds by which what two libvirts tell may be late
SEEN_AS = {"active": "running", "resized": "running", "paused": "paused"}


def finish(scene, pair, lives, seconds=90):
    """Waits for all ends and for rest on both hosts, then looks at everything that must be so."""
    casts = scene.api.casts
    scene.ledger.await_ends(casts, seconds, pair.must_live)
    for life in lives:
        life.settle()
    for host in pair.hosts:
        try:
            until("an empty journal", 60, lambda: not host.journal.left_over(), pause=0.1)
        except StageFailure:
            pass  # the audit tells what is left
    scene.ledger.await_quiet(0.5, 10)
    if scene.stage.plant:
        scene.stage.plant.before_audit(scene)
    patient = {life.instance for life in lives if life.is_patient}

    def may_fail(cast, event):
        if "was given up after" in event.cause:  # killed in as many attempts as the worker makes
            scene.measure("given up", 1, total=True)
            return True
        if cast.method in ("live_migration", "check_can_live_migrate_destination"):
            was_killed = any(cast.sent_at - 1 <= at <= event.at for host in pair.hosts for at in host.worker.launches)
            return was_killed or cast.instance not in patient
        return cast.instance not in patient and cast.method != "terminate_instance"

    audit.audit_ends(scene, casts, may_fail, is_end=lambda cast, event: not is_about_note(cast, event))
    audit_order(scene, pair, lives)
    audit.audit_copies(scene)
    audit.audit_sequence(scene)
    audit.audit_queues(scene)
    audit_lives.audit_answers(scene)
    audit_news(scene, lives)
    audit_places(scene, pair, lives)
    audit_files(scene, pair, lives)
    audit_runs(scene, pair, lives)
    audit_journals(scene, pair, lives)
    scene.measure("casts", len(casts), total=True)
    scene.measure("events", len(scene.ledger.first), total=True)


def is_about_note(cast, event):
    """Whether it tells of what the source of a resize has told the destination of a confirmation that has ended well:
    a delete overtook that."""
    return cast.method == "confirm_resize" and event.priority == "ERROR" and event.publisher != f"compute.{cast.host}"


def audit_order(scene, pair, lives):
    """What each host tells of a guest comes in the order of its casts, and of their events; after the end of a delete
    comes nothing but what ends casts that it overtook, and what the source of a resize tells of that. What two hosts
    tell has no order between them."""
    told = collections.defaultdict(list)
    for event in scene.ledger.told():
        if event.name != "update":
            told[event.request].append(event)
    for life in lives:
        events = [(number, event) for number, cast in enumerate(life.casts) for event in told[cast.request]]
        for host in pair.hosts:
            own = [(number, life.casts[number].operation.events.index(event.name), event) for number, event in events
                   if event.publisher == f"compute.{host.name}" and event.name in life.casts[number].operation.events]
            own.sort(key=lambda row: row[2].at)
            if life.is_patient and [row[:2] for row in own] != sorted(row[:2] for row in own):
                scene.violation("order", f"{host.name} told of {life.instance} {[row[2].name for row in own]}")
        gone = [event.at for _, event in events if event.name == "delete.end"]
        late = [event for _, event in events if gone and event.at > gone[0] and event.priority != "ERROR"
                and not event.name.startswith("resize.confirm.")]
        if late:
            scene.violation("order", f"{life.instance} told {audit.names(late)} after delete.end")


def audit_news(scene, lives):
    """A guest that moved as it ran is told of once as its new host's, by that host: for the request, or for one of its
    own where the source, which was dead, had not said so."""
    told, asked = scene.ledger.told(), {cast.request: cast for cast in scene.api.casts}
    for life in lives:
        for number, cast in enumerate(life.casts):
            if not cast.quiet_end or cast.method != "live_migration":
                continue
            following = [later.sent_at for later in life.casts[number + 1:] if later.method != "terminate_instance"]
            until_then = min(following, default=float("inf"))
            news = [event for event in told if event.instance == life.instance and event.name == "update"
                    and event.publisher == f"compute.{cast.wish['dest']}" and event.state == "active"
                    and not event.new_task and asked.get(event.request, cast) is cast
                    and cast.sent_at <= event.at <= until_then + TOLERANCE]
            if len(news) != 1:
                scene.violation("twice" if news else "lost", f"{cast} told {len(news)} times that it had come")


def audit_places(scene, pair, lives):
    """Each guest is on the one host where it is to be, and nowhere else; one that is deleted is on neither."""
    seen = {host: host.guests() for host in pair.hosts}
    running = collections.Counter(guests().values())
    for life in lives:
        for host in pair.hosts:
            state = seen[host].get(life.instance)
            if life.is_gone:
                expected = None
            elif host is life.host:
                expected = SEEN_AS[life.state]
            else:
                expected = "shut off" if host is life.source else None
            if state != expected:
                kind = "leak" if expected is None else "gone" if state is None else "differs"
                scene.violation(kind, f"{life.instance} is {state or 'not there'} at {host.name}, expected "
                                      f"{expected or 'none'} ({life.state} at {life.host.name})")
        if running[life.instance] != (not life.is_gone):
            scene.violation("leak" if life.is_gone else "gone" if not running[life.instance] else "twice at once",
                            f"{running[life.instance]} QEMU processes of {life.instance}")
        scene.measure("guests compared", 1, total=True)
    known = {life.instance for life in lives}
    for host in pair.hosts:
        for domain in set(seen[host]) - known:
            scene.violation("leak", f"domain {domain} at {host.name} is nobody's")


def audit_files(scene, pair, lives):
    """The files of a guest are where it is, and say so; nothing else is left."""
    by_directory = collections.defaultdict(set)
    for life in lives:
        if life.is_gone:
            continue
        by_directory[life.host.instances].add(life.instance)
        if life.source:
            by_directory[life.source.instances].add(life.instance + "_resize")
        place = os.path.join(life.host.instances, life.instance)
        found = set(files_below(place))
        if "disk" not in found or found - OWN_FILES:
            scene.violation("leak" if "disk" in found else "gone", f"{life.instance} has the files {sorted(found)}")
        if "host" in found:
            with open(os.path.join(place, "host"), encoding="utf-8") as f:
                owner = f.read()
            if owner != life.host.name:
                scene.violation("differs", f"the files of {life.instance}, which is at {life.host.name}, are {owner}'s")
    for directory in {host.instances for host in pair.hosts}:
        for name in sorted({path.split("/")[0] for path in files_below(directory)} - by_directory[directory]):
            scene.violation("leak", f"files are left: {os.path.basename(directory)}/{name}")


def audit_runs(scene, pair, lives):
    """No guest ran on both hosts at once, and none was started but by a cast that starts it, or moves it as it runs."""
    for life in lives:
        name = scene.api.arguments(life.instance)["instance"]["name"]
        ran = [(*span, host) for host in pair.hosts for span in runs(host, name)]
        for began, ended, host in ran:
            for other_began, other_ended, other in ran:
                both = min(ended, other_ended) - max(began, other_began)
                if other is not host and host is pair.hosts[0] and both > TOLERANCE:
                    scene.violation("twice at once", f"{life.instance} ran on both hosts for {both:.1f} s")
        audit_starts(scene, pair, life, name)


def runs(host, name):
    """[(from, to)] in which a guest ran on a host, by what its libvirt told; one that comes is paused until it is told
    to run."""
    found, since = [], None
    for at, domain, event, detail in sorted(host.starts.events):
        if domain != name:
            continue
        if event == "Resumed" or event == "Started" and detail != "Migrated":
            since = since or at
        elif event in ("Suspended", "Stopped", "Shutdown", "Crashed") and since:
            found.append((since, at))
            since = None
    return found + ([(since, float("inf"))] if since else [])


def audit_starts(scene, pair, life, name):
    def windows(*kinds):
        found = []
        for cast in life.casts:
            ends = scene.ledger.ends(cast)
            if (cast.operation.starts and "starts" in kinds or cast.method in kinds) and ends:
                found.append((cast.sent_at, ends[0].at))
        return found

    boots = [(at, host) for host in pair.hosts for at, domain, event, detail in host.starts.events
             if domain == name and event == "Started" and detail != "Migrated"]
    processes = [(at, host) for host in pair.hosts for at in host.launches(name)]
    for what, starts, spans in (("booted", boots, windows("starts")),
                                ("started", processes, windows("starts", "live_migration"))):
        for at, host in starts:
            if not any(began <= at <= ended + TOLERANCE for began, ended in spans):
                scene.violation("unasked", f"{life.instance} was {what} at {host.name} at {at:.3f}, in no cast for that")
    for cast in life.casts:
        ends = scene.ledger.ends(cast)
        if cast.operation.starts and ends and ends[0].priority != "ERROR" and not any(
                cast.sent_at <= at <= ends[0].at for at, _ in processes):
            scene.violation("not built", f"{cast} ended well without a start of its guest")
    scene.measure("guests started", len(processes), total=True)


def audit_journals(scene, pair, lives):
    """One row owns each guest, on its host; claims and what was made outside stand where the guest is; each cast stands
    once in each journal, and ended there as it was told."""
    for host in pair.hosts:
        left = host.journal.left_over()
        if left:
            scene.violation("journal", f"{host.name}: {left}")
        rows = {instance: host.journal.row(instance) for instance in host.journal.instances()}
        claims = {(instance, purpose): memory for instance, purpose, memory in host.journal.claimed()}
        resources = {instance for instance, _, _ in host.journal.resources()}
        for life in lives:
            row = rows.pop(life.instance, None)
            is_here, is_source = (not life.is_gone and place is host for place in (life.host, life.source))
            audit_row(scene, host, life, row, is_here, is_source)
            claimed = claims.pop((life.instance, "instance"), None)
            expected = life.flavor["memory_mb"] if is_here else life.flavor_before["memory_mb"] if is_source else None
            if claimed != expected:
                scene.violation("claim", f"{life.instance} has claimed {claimed} MiB at {host.name}, not {expected}")
            if (life.instance.replace("-", "") in resources) != (is_here or is_source):
                scene.violation("leak", f"what the journal of {host.name} has registered for {life.instance} is wrong")
        for instance in rows:
            scene.violation("leak", f"the journal of {host.name} has {instance}, which nobody asked for")
        for instance, purpose in claims:
            scene.violation("claim", f"{instance} has claimed something at {host.name} ({purpose})")
        audit_outcomes(scene, host)


def audit_row(scene, host, life, row, is_here, is_source):
    if row is None:
        if is_here or is_source:
            scene.violation("gone", f"the journal of {host.name} has no {life.instance}")
        return
    if not is_here and not is_source:
        scene.violation("leak", f"the journal of {host.name} has {life.instance} as {row['vm_state']}, at {row['host']}")
    elif row["host"] != life.host.name:
        scene.violation("differs", f"the journal of {host.name} has {life.instance} at {row['host']}, and it is at "
                                   f"{life.host.name}")
    elif is_here and (row["vm_state"] != life.state or row["task_state"] or
                      row["memory_mb"] != life.flavor["memory_mb"]):
        scene.violation("differs", f"the journal of {host.name} has {life.instance} as {row['vm_state']}, "
                                   f"{row['task_state']}, {row['memory_mb']} MiB, expected {life.state}, "
                                   f"{life.flavor['memory_mb']} MiB")


def audit_outcomes(scene, host):
    found = host.journal.outcomes()
    for cast in scene.api.casts:
        rows = found.get(cast.request, [])
        for method in (cast.method, *cast.operation.follows):
            # A delete that goes after its guest may come back to where that has just come from.
            if len([row for row in rows if row[0] == method]) > (2 if method == "terminate_instance" else 1):
                scene.violation("twice", f"{cast} stands more than once in the journal of {host.name} as {method}")
        if cast.host != host.name:
            continue
        outcomes = [row[1] for row in rows if row[0] == cast.method]
        ends = scene.ledger.ends(cast)
        if not outcomes:
            scene.violation("lost", f"{cast} does not stand in the journal of {host.name}")
        elif ends and ends[0].priority != "ERROR" and set(outcomes) != {"succeeded"}:
            scene.violation("differs", f"{cast} told {ends[0].name}, and the journal has {outcomes}")
