# SPDX-License-Identifier: Apache-2.0
"""Two hosts of one scene, between which guests move: each with a libvirt and a worker of its own."""
import os

from .witnesses import Journal, launches


class Host:
    """A libvirt, a worker with its journal, and the directory of the instances, which two may share."""

    def __init__(self, scene, name, hypervisor, instances):
        self.scene, self.name, self.hypervisor, self.instances = scene, name, hypervisor, instances
        self.directory = os.path.join(scene.directory, name)
        self.journal = Journal(os.path.join(self.directory, "state"))
        self.worker, self.starts, self.is_down = None, None, False

    def open(self, url, other, is_shared):
        os.makedirs(self.directory)
        scene = self.scene
        scene.hypervisors.append(self.hypervisor)
        self.starts = scene.watch_starts(self.hypervisor, self.name)
        libvirt = {"live_migration_uri": other.hypervisor.uri}  # as there is no TCP port that a name leads to
        if is_shared:
            libvirt["instances_path_shared_hosts"] = f"{self.name},{other.name}"
        self.worker = scene.new_worker(
            self.directory, self.name, url,
            {"state_path": os.path.join(self.directory, "state"), "instances_path": self.instances,
             "my_ip": "127.0.0.1", "rpc_response_timeout": "20"}, self.hypervisor,
            {"libvirt": libvirt, "notifications": {"notify_on_state_change": "vm_and_task_state"}})
        self.worker.start()

    def kill(self):
        self.is_down = True
        self.worker.kill()
        self.scene.count(self.journal)

    def start_again(self):
        self.worker.start()
        self.is_down = False

    def launches(self, name):
        """When a guest's process was started here, by libvirt's log of it."""
        return launches(os.path.join(self.hypervisor.directory, "log", "qemu"), name)

    def guests(self):
        """The state of each guest that libvirt has here, by its uuid."""
        return {domain: self.hypervisor.state(domain) for domain in self.hypervisor.domains()}


class Pair:
    def __init__(self, scene, is_shared):
        self.scene, self.is_shared = scene, is_shared
        hypervisors = (scene.stage.hypervisor(), scene.stage.other_hypervisor())
        self.hosts = [
            Host(scene, f"{scene.host}-{letter}", hypervisor,
                 scene.instances if is_shared else f"{scene.instances}-{letter}")
            for letter, hypervisor in zip("ab", hypervisors)]

    def open(self):
        """Both serve, and their libvirts are watched."""
        url = self.scene.open_wire(self)
        self.scene.listen_for_answers()
        for host in self.hosts:
            host.open(url, self.other(host), self.is_shared)
        for host in self.hosts:
            host.worker.await_consuming()
        return self

    def other(self, host):
        return self.hosts[1 - self.hosts.index(host)]

    def ending(self, cast, outcomes):
        """What the journal of the host that was asked says of the end of a cast."""
        return next(host for host in self.hosts if host.name == cast.host).journal.ending(cast, outcomes)

    def must_live(self):
        for host in self.hosts:
            if not host.is_down:
                host.worker.must_live()
