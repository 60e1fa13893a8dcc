# SPDX-License-Identifier: Apache-2.0
"""Casts for the rows, made from messages that were recorded from the real thing.

A body is text with marks in it that raw/publish.c replaces, so that every message has a unique id and an instance of
its own; the marks and what they become are listed there.
"""
import json

from .lab import ROOT

UNIQUE_ID = "@" * 32
INSTANCE_UUID = "########-####-####-####-############"
INSTANCE_NAME = "instance-~~~~~~~~"
_INSTANCE_NUMBER = "^" * 10
_NUMBER_STAND_IN = 7777777777
IMAGE = "70a599e0-31e7-49b7-b260-868f441e862b"
_RECORDED_UUID = "f53be0a8-2c05-413b-b16b-7b044ffa6469"


# The length of a 2048-bit RSA key, as most users have one.
_KEY = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ" + "abcdefghijklmnopqrstuvwxyz0123456789+/" * 9 + " user@example"


def _recorded(name):
    frames = json.loads((ROOT / "Tests/Golden" / name).read_text())["frames"]
    return json.loads(frames[0]["body_raw"])


def _enveloped(request):
    inner = json.dumps({**request, "_unique_id": UNIQUE_ID})
    text = json.dumps({"oslo.version": "2.0", "oslo.message": inner})
    return (text.replace(_RECORDED_UUID, INSTANCE_UUID).replace("instance-00000001", INSTANCE_NAME)
            .replace(str(_NUMBER_STAND_IN), _INSTANCE_NUMBER)).encode()


def run_instance(memory_mb=None):
    """About 9 KB: nova's recorded run_instance with a key pair, in oslo.messaging's envelope."""
    request = _recorded("f02-run_instance.json")
    instance = request["args"]["instance"]
    instance["id"] = _NUMBER_STAND_IN
    # The image of the rows is a whole disk.
    properties = request["args"]["request_spec"]["instance_properties"]
    for fields in (instance, properties):
        fields["kernel_id"] = fields["ramdisk_id"] = ""
        fields["key_name"], fields["key_data"] = "mykey", _KEY
        if memory_mb:
            fields["memory_mb"] = memory_mb
    if memory_mb:
        instance["instance_type"]["memory_mb"] = memory_mb
    # Room for all: what is measured is builds, not refusals.
    limits = request["args"]["filter_properties"]["limits"]
    request["args"]["filter_properties"]["limits"] = dict.fromkeys(limits, 10**9)
    return _enveloped(request)


def reboot_instance():
    """About 1 KB: a cast with the keys that intake reads, and few others."""
    request = _recorded("f03-reboot_instance-soft.json")
    instance = request["args"]["instance"]
    kept = ("uuid", "name", "host", "vm_state", "task_state", "power_state", "project_id", "user_id", "memory_mb",
            "vcpus", "display_name")
    context = ("_context_user_id", "_context_project_id", "_context_request_id", "_context_is_admin",
               "_context_roles", "_context_timestamp")
    small = {key: request[key] for key in ("method", "version", *context) if key in request}
    small["args"] = {"instance": {key: instance[key] for key in kept}, "reboot_type": "SOFT"}
    return _enveloped(small)


def terminate_instance():
    """nova's recorded terminate_instance, enveloped, for the instance that run_instance makes."""
    request = _recorded("f07-terminate_instance.json")
    request["args"]["instance"]["id"] = _NUMBER_STAND_IN
    return _enveloped(request)


def filled_uuid(number):
    """The uuid that raw/publish.c gives instance `number`."""
    return f"{number & 0xFFFFFFFF:08x}-0000-4000-8000-{number & 0xFFFFFFFFFFFF:012x}"
