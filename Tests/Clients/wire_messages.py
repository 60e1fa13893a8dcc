# SPDX-License-Identifier: Apache-2.0
"""What the clients send, derived from the recorded messages in Tests/Golden."""
import copy
import json
import os

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Golden")

CONTEXT = {
    "user_id": "8a5f7f2e3b6c4d0e9a1b2c3d4e5f6071",
    "project_id": "b1c2d3e4f5a647b8a9c0d1e2f3a4b5c6",
    "is_admin": True,
    "read_deleted": "no",
    "roles": ["Member", "admin"],
    "remote_address": "192.0.2.77",
    "timestamp": "2012-11-20T08:15:30.123456",
    "request_id": "req-72d24b71-bace-4717-a735-6326481b9a43",
    "auth_token": "5f0b7c2e9f4a4a0f8d2f4b1e6a7c8d90",
    "quota_class": None,
    "user_name": "demo",
    "service_catalog": [],
    "project_name": "demo",
    "instance_lock_checked": False,
}


def golden_frames(file_name):
    with open(os.path.join(GOLDEN, os.path.basename(file_name)), encoding="utf-8") as f:
        return json.load(f)["frames"]


def golden_body(file_name, index=0):
    """The exact text of the index-th published body of a recorded file."""
    bodies = [f["body_raw"] for f in golden_frames(file_name) if "body_raw" in f]
    return bodies[index]


def run_instance_arguments(uuid, image_id=None, name=None, **instance_fields):
    """The recorded run_instance arguments, for another instance, and another image without kernel and ramdisk."""
    recorded = golden_body("f02-run_instance.json")
    arguments = json.loads(recorded)["args"]
    old = arguments["instance"]["uuid"]
    arguments = json.loads(json.dumps(arguments).replace(old, uuid))
    instance, spec = arguments["instance"], arguments["request_spec"]
    properties = spec["instance_properties"]
    arguments["filter_properties"].pop("request_spec", None)
    number = int(uuid[:7], 16) if all(c in "0123456789abcdef" for c in uuid[:7]) else instance["id"]
    instance.update(id=number, name="instance-%08x" % number)  # a hypervisor has each name once
    if image_id is not None:
        spec["image"].update(id=image_id, name=image_id, disk_format="qcow2", container_format="bare", properties={})
        for row in (instance, properties):
            row.update(image_ref=image_id, kernel_id="", ramdisk_id="")
    if name is not None:
        for row in (instance, properties):
            row.update(display_name=name)
    for row in (instance, properties):
        row.update({k: v for k, v in instance_fields.items() if row is instance or k in row})
    return arguments


def instance_of(arguments, host, vm_state="active", task_state=None, power_state=1):
    """The instance of run_instance arguments as the API would send it later."""
    instance = copy.deepcopy(arguments["instance"])
    instance.update(host=host, launched_on=host, vm_state=vm_state, task_state=task_state, power_state=power_state)
    return instance


def prepared_arguments(prepared):
    """Arguments from a short description: {"method", "uuid", "host", "image_id", "name", "extra": {argument: value},
    "instance": {field: value}}."""
    fields = prepared.get("instance", {})
    run = run_instance_arguments(prepared["uuid"], prepared.get("image_id"),
                                 prepared.get("name"), **{k: v for k, v in fields.items() if k != "name"})
    if "name" in fields:
        run["instance"]["name"] = fields["name"]
    method = prepared["method"]
    if method == "run_instance":
        arguments = run
    else:
        task_state = {
            "reboot_instance": "rebooting", "stop_instance": "stopping", "start_instance": "starting",
            "power_off_instance": "powering-off", "power_on_instance": "powering-on", "terminate_instance": "deleting",
        }.get(method)
        arguments = {"instance": instance_of(run, prepared.get("host"), task_state=task_state)}
        if method == "reboot_instance":
            arguments["reboot_type"] = "SOFT"
        if method == "get_console_output":
            arguments["tail_length"] = None
    arguments.update(prepared.get("extra", {}))
    return arguments
