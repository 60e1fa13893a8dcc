# SPDX-License-Identifier: Apache-2.0
"""What was told: every notification in the order in which the broker's queue has it, errors and others in one queue."""
import hashlib
import json
import socket
import threading
import time

from .broker_link import LOST, close_quietly

QUEUE = "chaos.ledger"
PREFIX = "compute.instance."


class Event:
    """One delivery of one notification."""

    def __init__(self, message):
        body = message.body if isinstance(message.body, bytes) else message.body.encode()
        told = json.loads(body)
        envelope = told if "oslo.message" in told else {}
        told = json.loads(envelope["oslo.message"]) if envelope else told
        headers = message.properties.get("application_headers") or {}
        payload = told.get("payload") or {}
        self.at, self.publisher = time.time(), told.get("publisher_id")
        self.id, self.priority, self.type = told["message_id"], told["priority"], told["event_type"]
        self.name = self.type.removeprefix(PREFIX)
        self.request = told.get("_context_request_id")
        self.instance = payload.get("instance_id") or self.instance_in(payload)
        self.sequence = headers.get("x-instance-sequence")
        self.redelivered = message.delivery_info.get("redelivered", False)
        self.digest = hashlib.sha256(body).hexdigest()
        self.state, self.new_task = payload.get("state"), payload.get("new_task_state")
        fault = payload.get("exception")
        self.cause = fault.get("message") if isinstance(fault, dict) else fault

    @staticmethod
    def instance_in(arguments):
        """The errors of a method carry its arguments."""
        instance = arguments.get("instance")
        return instance.get("uuid") if isinstance(instance, dict) else None

    def row(self):
        return {key: value for key, value in vars(self).items() if value is not None}


class QuietEnd:
    """The end of what no event tells of, as the journal has it."""

    def __init__(self, name, at):
        self.name, self.at, self.priority, self.type, self.cause, self.state = name, at, "INFO", name, None, None


class Ledger:
    """Reads the queue in a thread, through every fault of the broker, and keeps all of it."""

    def __init__(self, address, journal):
        self.address, self.journal, self.events, self.changed = address, journal, [], threading.Condition()
        self.first, self.by_request, self.stopping, self.connection = {}, {}, False, None
        self.unreadable = []
        connection = address.connect_patiently(30)
        channel = connection.channel()
        channel.exchange_declare("nova", "topic", durable=True, auto_delete=False)
        channel.queue_declare(QUEUE, durable=True, auto_delete=False)
        channel.queue_bind(QUEUE, "nova", "notifications.*")
        connection.close()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while not self.stopping:
            try:
                self.connection = self.address.connect_patiently(3600, stopped=lambda: self.stopping)
                channel = self.connection.channel()
                channel.basic_qos(0, 200, False)
                channel.basic_consume(QUEUE, callback=self.take)
                while not self.stopping:
                    try:
                        self.connection.drain_events(timeout=0.5)
                    except socket.timeout:
                        pass
            except LOST:
                pass
            if self.connection is not None:
                close_quietly(self.connection)

    def take(self, message):
        try:
            event = Event(message)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.unreadable.append(f"{error!r} in {message.body[:300]!r}")
        else:
            with self.changed:
                self.events.append(event)
                if event.id not in self.first:
                    self.first[event.id] = event
                    self.by_request.setdefault(event.request, []).append(event)
                self.changed.notify_all()
        message.channel.basic_ack(message.delivery_tag)

    def told(self):
        """Each event once, in the order of first arrival."""
        with self.changed:
            return list(self.first.values())

    def about(self, request):
        """Each event of one cast once, in the order of first arrival."""
        with self.changed:
            return list(self.by_request.get(request, ()))

    def ends(self, cast):
        """The events that end a cast, each once; where success is told by no event, what the journal says."""
        found = [e for e in self.about(cast.request)
                 if e.name == cast.operation.end
                 or e.priority == "ERROR" and e.type in (cast.method, *cast.operation.follows)]
        if not found and cast.operation.is_quiet:
            known = cast.operation.lack and any(e.type == cast.method for e in self.told())
            cast.quiet_end = cast.quiet_end or self.journal.ending(cast, ("succeeded", "refused")[:1 + known])
            found = [cast.quiet_end] if cast.quiet_end else []
        return found

    def await_ends(self, casts, seconds, tick=None):
        """Waits until each cast has an end; those that have none when the time is up."""
        deadline = time.monotonic() + seconds
        left = list(casts)
        while True:
            left = [cast for cast in left if not self.ends(cast)]
            if not left or time.monotonic() > deadline:
                return left
            if tick:
                tick()
            with self.changed:
                self.changed.wait(0.2)

    def await_event(self, instance, name, since, seconds):
        """Waits for an event about an instance that no cast asked for; None if it does not come."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for event in self.told():
                if event.instance == instance and event.name == name and event.at >= since:
                    return event
            time.sleep(0.05)
        return None

    def await_quiet(self, quiet, seconds):
        """Waits until nothing new has come for a while."""
        deadline, count, since = time.monotonic() + seconds, -1, 0
        while time.monotonic() < deadline:
            if len(self.events) != count:
                count, since = len(self.events), time.monotonic()
            elif time.monotonic() - since > quiet:
                return
            time.sleep(0.05)

    def stop(self):
        self.stopping = True
        self.thread.join(10)
