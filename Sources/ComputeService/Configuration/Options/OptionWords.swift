// SPDX-License-Identifier: Apache-2.0

/// A form in which events are sent; the raw values are those of `[oslo_messaging_notifications] driver`.
public enum NotificationDriver: String, Sendable, Hashable, CaseIterable {
    /// Not at all.
    case noop
    /// oslo's format 1.0: a flat message with `_unique_id`.
    case messaging
    /// oslo's format 2.0: enveloped.
    case messagingv2
    /// Folsom's: a flat message without `_unique_id`.
    case rabbitNotifier = "rabbit_notifier"
}

/// Which changes of an instance are told by `compute.instance.update`.
public enum StateChangeEvents: String, Sendable, Hashable, CaseIterable {
    case vmState = "vm_state"
    case vmAndTaskState = "vm_and_task_state"
}

/// A kind of domain that this build's libvirt driver serves.
public enum VirtType: String, Sendable, Hashable, CaseIterable {
    case kvm, qemu
}

/// Who wires an instance.
public enum NetworkService: String, Sendable, Hashable, CaseIterable {
    case none, local
}

/// Who gives an instance its volumes.
public enum VolumeService: String, Sendable, Hashable, CaseIterable {
    case none, local
}

/// The form of the fanout queue.
public enum FanoutQueueForm: String, Sendable, Hashable, CaseIterable {
    /// Folsom's: exclusive and auto-delete.
    case exclusive
    /// Today's: neither, but with `x-expires`.
    case expiring
}

/// An argument of `run_instance` that a driver may be unable to honour.
public enum UnsupportedArgument: String, Sendable, Hashable, CaseIterable {
    case requestedNetworks = "requested_networks"
    case blockDeviceMapping = "block_device_mapping"
    case injectedFiles = "injected_files"
    case adminPassword = "admin_password"
    case configDrive = "config_drive"
    case userData = "user_data"
    case ephemeral
    case swap
}

/// How the worker logs in to the broker.
public enum LoginMethod: String, Sendable, Hashable, CaseIterable {
    case plain = "PLAIN"
    case amqPlain = "AMQPLAIN"
    case external = "EXTERNAL"
}
