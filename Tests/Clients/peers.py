#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Nova-network, nova-volume and nova-consoleauth as a worker's peers, in one of two forms:
  flat   as Folsom had them on the wire: messages without an envelope, a topic queue each, two frames to the exchange of
         a call;
  oslo   three servers of oslo.messaging.

usage: peers.py TRANSPORT_URL [--form flat|oslo] [--volume-host HOST]

Commands come line by line on standard input (client_main.py):
  {"do": "calls"}                                       what was asked so far, in order: {"topic", "message"}
  {"do": "fail", "method": M, "class": C, "module": N, "message": T}   answers with that exception from now on (flat)
"""
import argparse
import json
import os
import socket
import threading

import amqp
import kombu

from client_main import serve


INTERFACE = {
    "id": "5a3b1c0e-6d0f-4c1c-8d55-1f6c1d1a0001", "address": "fa:16:3e:00:00:07", "meta": {},
    "network": {
        "id": "6c6dd902-62ab-409a-b5f8-76b1c4182ed8", "label": "private", "bridge": "br100", "meta": {},
        "subnets": [{"cidr": "192.0.2.0/24", "version": 4, "gateway": {"address": "192.0.2.1"}, "dns": [],
                     "routes": [], "meta": {},
                     "ips": [{"address": "192.0.2.7", "version": 4, "type": "fixed", "meta": {},
                              "floating_ips": []}]}],
    },
}


class Services:
    """What the three do; nothing but to remember what was asked."""

    def __init__(self):
        self.lock = threading.Lock()
        self.asked, self.failures, self.addressed = [], {}, set()

    def note(self, topic, message):
        with self.lock:
            self.asked.append({"topic": topic, "message": message})
            failure = self.failures.get(message["method"])
            return (None if failure else getattr(self, message["method"])(**message["args"])), failure

    def perform(self, command):
        with self.lock:
            if command["do"] == "fail":
                self.failures[command["method"]] = {
                    "class": command["class"], "module": command["module"], "message": command["message"],
                    "tb": [], "args": [command["message"]], "kwargs": {}}
            return {"calls": list(self.asked)}

    # nova-network

    def allocate_for_instance(self, instance_id, instance_uuid, project_id, host, rxtx_factor, requested_networks, vpn):
        self.addressed.add(instance_id)
        return [INTERFACE]

    def get_instance_nw_info(self, instance_id, instance_uuid, rxtx_factor, host, project_id):
        return [INTERFACE] if instance_id in self.addressed else []

    def deallocate_for_instance(self, instance_id, project_id, host):
        self.addressed.discard(instance_id)

    def add_fixed_ip_to_instance(self, instance_id, host, network_id):
        self.addressed.add(instance_id)

    def remove_fixed_ip_from_instance(self, instance_id, host, address):
        self.addressed.discard(instance_id)

    # nova-volume

    def initialize_connection(self, volume_id, connector):
        return {"driver_volume_type": "iscsi",
                "data": {"target_portal": "192.0.2.30:3260", "target_iqn": "iqn.2010-10.org.openstack:" + volume_id,
                         "auth_method": "CHAP", "auth_password": "CHAP-CANARY"}}

    def attach_volume(self, volume_id, instance_uuid, mountpoint):
        pass

    def detach_volume(self, volume_id):
        pass

    def terminate_connection(self, volume_id, connector):
        pass

    def delete_volume(self, volume_id):
        pass

    # nova-consoleauth

    def delete_tokens_for_instance(self, instance_uuid):
        pass


class Flat:
    def __init__(self, url, volume_host, services):
        self.services = services
        self.connection = kombu.Connection("amqp://" + url.split("://", 1)[1], connect_timeout=10)
        self.connection.connect()
        self.channel = self.connection.channel()
        self.channel.exchange_declare("nova", "topic", durable=False, auto_delete=False)
        for topic in ("network", "volume", "volume." + volume_host, "consoleauth"):
            self.channel.queue_declare(topic, durable=False, exclusive=False, auto_delete=False)
            self.channel.queue_bind(topic, "nova", topic)
            self.channel.basic_consume(topic, callback=lambda message, topic=topic: self.take(topic, message))
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                self.connection.drain_events(timeout=60)
            except socket.timeout:
                continue
            except (OSError, amqp.exceptions.AMQPError):
                return

    def take(self, topic, delivery):
        self.channel.basic_ack(delivery.delivery_tag)
        message = json.loads(delivery.body)
        result, failure = self.services.note(topic, message)
        if "_msg_id" not in message:
            return
        if failure:
            self.reply(message["_msg_id"], {"result": None, "failure": json.dumps(failure)})
        else:
            self.reply(message["_msg_id"], {"result": result, "failure": None})
            self.reply(message["_msg_id"], {"result": None, "failure": None, "ending": True})

    def reply(self, msg_id, frame):
        self.channel.exchange_declare(msg_id, "direct", durable=False, auto_delete=True)
        self.channel.basic_publish(
            amqp.Message(json.dumps(frame), content_type="application/json", content_encoding="utf-8",
                         delivery_mode=2), msg_id, msg_id)


class Oslo:
    def __init__(self, url, volume_host, services):
        from oslo_setup import configure, oslo_messaging

        transport = oslo_messaging.get_rpc_transport(configure(), url=url)
        for topic, server in (("network", "network1"), ("volume", volume_host), ("consoleauth", "console1")):
            target = oslo_messaging.Target(exchange="nova", topic=topic, server=server)
            endpoint = self.endpoint(oslo_messaging.Target(version="1.0"), topic, services)
            oslo_messaging.get_rpc_server(transport, target, [endpoint], executor="threading").start()

    @staticmethod
    def endpoint(target, topic, services):
        def method(name):
            def answer(self, context, **arguments):
                message = {"method": name, "args": arguments, "_context_project_id": context.get("project_id")}
                return services.note(topic, message)[0]
            return answer

        names = [name for name in vars(Services) if not name.startswith("_") and name not in ("note", "perform")]
        return type("Endpoint", (), {"target": target, **{name: method(name) for name in names}})()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("--form", choices=["flat", "oslo"], default="flat")
    parser.add_argument("--volume-host", default="volumes1")
    options = parser.parse_args()
    services = Services()
    (Flat if options.form == "flat" else Oslo)(options.url, options.volume_host, services)
    serve(services.perform)
    os._exit(0)  # oslo.messaging's threads do not end by themselves


if __name__ == "__main__":
    main()
