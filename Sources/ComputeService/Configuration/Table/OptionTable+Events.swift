// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager

extension OptionTable {
    static let notificationOptions: [ConfigurationOption] = [
        ConfigurationOption(
            "oslo_messaging_notifications", "driver",
            .repeated(
                NotificationDriver.allCases.map(\.rawValue),
                spellings: [
                    "nova.openstack.common.notifier.rabbit_notifier": "rabbit_notifier",
                    "nova.openstack.common.notifier.rpc_notifier": "rabbit_notifier",
                    "nova.openstack.common.notifier.rpc_notifier2": "messagingv2",
                    "nova.openstack.common.notifier.no_op_notifier": "noop",
                    "nova.notifier.rabbit_notifier": "rabbit_notifier",
                    "nova.notifier.no_op_notifier": "noop",
                ]),
            aliases: [OptionName("DEFAULT", "notification_driver")], sample: "messagingv2",
            "Form of the events: messagingv2 (enveloped), messaging (flat), rabbit_notifier (Folsom's); unset: none."
        ),
        ConfigurationOption(
            "oslo_messaging_notifications", "topics", .list(), default: "notifications",
            aliases: [OptionName("DEFAULT", "notification_topics")],
            "Topics of the events: their queues are <topic>.<priority>."),
        ConfigurationOption(
            "oslo_messaging_notifications", "transport_url", .url,
            aliases: [OptionName("DEFAULT", "notification_transport_url")], secret: true,
            "Brokers for the events, where they are not those of [DEFAULT] transport_url."),
        ConfigurationOption(
            "oslo_messaging_notifications", "retry", .integer(-1 ... .max), default: "-1",
            standing: .ignored(because: "an event is sent until the broker has confirmed it"),
            "Attempts to send an event; -1: for ever."),
        ConfigurationOption(
            "notifications", "notify_on_state_change", .choice(UpdateNotifications.StateChange.allCases.map(\.rawValue)),
            aliases: [OptionName("DEFAULT", "notify_on_state_change")],
            "Send compute.instance.update when the vm_state, or the vm_state or task_state, changes; unset: never."),
        ConfigurationOption(
            "DEFAULT", "notify_on_any_change", .boolean, default: "false",
            "Folsom: send compute.instance.update with every change of an instance."),
        ConfigurationOption(
            "notifications", "notification_format",
            .choice(
                ["unversioned"],
                refused: [
                    "versioned": "'versioned' asks for versioned notifications, which this build does not send",
                    "both": "'both' asks for versioned notifications as well, which this build does not send",
                ]),
            default: "unversioned", aliases: [OptionName("DEFAULT", "notification_format")],
            standing: .checked, "Format of the payloads."),
        ConfigurationOption(
            "notifications", "default_level", .choice(["DEBUG", "INFO", "WARN", "ERROR", "CRITICAL"]), default: "INFO",
            aliases: [OptionName("DEFAULT", "default_notification_level")],
            standing: .ignored(because: "every event has the priority that nova-compute gives it"),
            "Priority of events that have none of their own."),
        ConfigurationOption(
            "DEFAULT", "default_publisher_id", .text, default: "$host",
            standing: .ignored(because: "events are published by compute.<host>, as nova-compute's are"),
            "Publisher of events that have none of their own."),
    ]

    static let imageOptions: [ConfigurationOption] = [
        ConfigurationOption(
            "DEFAULT", "glance_host", .word, default: "$my_ip", aliases: [OptionName("glance", "host")],
            "Host in the image_ref_url of events."),
        ConfigurationOption(
            "DEFAULT", "glance_port", .integer(1...65535), default: "9292", aliases: [OptionName("glance", "port")],
            "Port in the image_ref_url of events."),
        ConfigurationOption(
            "glance", "api_servers", .list(), aliases: [OptionName("DEFAULT", "glance_api_servers")],
            "Image services; image_ref_url begins with the first, in place of glance_host and glance_port."
        ),
        ConfigurationOption(
            "libvirt", "rescue_image_id", .text, aliases: [OptionName("DEFAULT", "rescue_image_id")],
            "Image that a rescue boots from, whatever the driver; the instance's own where it is not set."),
        ConfigurationOption(
            "libvirt", "rescue_kernel_id", .text, aliases: [OptionName("DEFAULT", "rescue_kernel_id")],
            "Kernel of a rescue; the one that its image names where it is not set."),
        ConfigurationOption(
            "libvirt", "rescue_ramdisk_id", .text, aliases: [OptionName("DEFAULT", "rescue_ramdisk_id")],
            "RAM disk of a rescue; the one that its image names where it is not set."),
    ]
}
