# SPDX-License-Identifier: Apache-2.0
"""What the API and the scheduler send. Every cast has a request id of its own, by which its events are known."""
import json
import threading
import time
import uuid
from datetime import datetime, timezone

import amqp

from wire_messages import CONTEXT, instance_of, run_instance_arguments

from .broker_link import LOST, close_quietly
from .operations import OPERATIONS, QUESTIONS

IMAGE = "1f2e3d4c-0000-4000-8000-00000000b007"
POWER = {"active": 1, "resized": 1, "rescued": 1, "paused": 3}


class Cast:
    """One wish: what is asked, of which instance, in which bytes."""

    def __init__(self, method, instance, body, request, unique, host):
        self.method, self.instance, self.body, self.host = method, instance, body, host
        self.request, self.unique, self.sent_at = request, unique, None
        self.operation = OPERATIONS.get(method)
        self.message, self.quiet_end = None, None  # of a call; how a quiet one ended

    def __repr__(self):
        return f"{self.method}({(self.instance or 'host')[:8]}, {self.request[:12]})"


class API:
    """Publishes casts to one host, or another that is named, each confirmed by the broker before it counts as sent."""

    def __init__(self, address, host, memory=32):
        self.address, self.host, self.memory = address, host, memory
        self.casts, self.questions, self.connection, self.lock = [], [], None, threading.RLock()

    def arguments(self, instance):
        made = run_instance_arguments(instance, IMAGE, memory_mb=self.memory)
        made["filter_properties"].pop("retry", None)  # a build that fails ends here, in ERROR
        made["filter_properties"]["limits"] = {}  # what is claimed here are numbers, more than there is
        for flavor in (made["instance"]["instance_type"], made["request_spec"]["instance_type"]):
            flavor["memory_mb"] = self.memory
        made["request_spec"]["image"]["disk_format"] = "raw"
        return made

    def make(self, method, instance, form="enveloped", state="active", flavor=None, reply_to=None, to=None, owner=None,
             **extra):
        """A cast, or where there is a queue to reply to, a call; `state`, `flavor` and `owner`, the host that it is on,
        are the instance's by then."""
        operation, arguments = OPERATIONS.get(method), {}
        if instance:
            arguments = self.arguments(instance)
        if instance and method != "run_instance":
            arguments = {"instance": instance_of(
                arguments, owner or to or self.host, vm_state=state, task_state=operation and operation.task,
                power_state=POWER.get(state, 4))}
            if flavor:
                arguments["instance"].update(
                    instance_type=flavor, instance_type_id=flavor["id"], memory_mb=flavor["memory_mb"])
        if method == "reboot_instance":
            arguments["reboot_type"] = "HARD"
        arguments.update(extra)
        request, unique, message = f"req-{uuid.uuid4()}", None, None
        body = {"method": method, "args": arguments, "version": operation.version if operation else "2.0"}
        context = {**CONTEXT, "request_id": request,
                   "timestamp": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")}
        body.update({"_context_" + key: value for key, value in context.items()})
        if reply_to:
            message = uuid.uuid4().hex
            body.update(_msg_id=message, _reply_q=reply_to)
        if form == "enveloped" or reply_to:
            unique = uuid.uuid4().hex
            body["_unique_id"] = unique
            body = {"oslo.version": "2.0", "oslo.message": json.dumps(body)}
        cast = Cast(method, instance, json.dumps(body).encode(), request, unique, to or self.host)
        cast.message = message
        return cast

    def send(self, method, instance, form="enveloped", **extra):
        cast = self.make(method, instance, form, **extra)
        self.publish(cast)
        (self.questions if method in QUESTIONS else self.casts).append(cast)
        return cast

    def publish(self, cast, patience=120, times=1):
        """Publishes until the broker has confirmed it; a flat cast must not meet a broken connection here, since it
        would be sent again as another wish."""
        cast.sent_at = cast.sent_at or time.time()
        message = amqp.Message(cast.body, content_type="application/json", content_encoding="utf-8", delivery_mode=2)
        deadline = time.monotonic() + patience
        while times:
            try:
                with self.lock:
                    self.publish_once(message, cast.host, deadline)
                times -= 1
            except LOST:
                if time.monotonic() > deadline:
                    raise

    def publish_once(self, message, host, deadline):
        try:
            if self.connection is None:
                self.connection = self.address.connect_patiently(max(1, deadline - time.monotonic()), confirms=True)
                self.connection.channel(1).exchange_declare("nova", "topic", durable=True, auto_delete=False)
            self.connection.channel(1).basic_publish(
                message, "nova", f"compute.{host}", timeout=20, confirm_timeout=20)
        except LOST:
            self.close()
            raise

    def close(self):
        if self.connection is not None:
            close_quietly(self.connection)
            self.connection = None
