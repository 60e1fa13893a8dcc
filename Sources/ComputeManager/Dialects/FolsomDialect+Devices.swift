// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

extension FolsomDialect {
    /// What is plugged into a guest.
    static let devices: [any MethodBinding] = [
        Binding(
            "reserve_block_device_name", since: first, ReserveBlockDeviceName.self,
            parameters: [.instance, Parameter("device", .string)], decode: reserveBlockDeviceName),
        Binding(
            "attach_volume", since: first, AttachVolume.self,
            parameters: [
                .instance, Parameter("volume_id", .string, isRequired: true),
                Parameter("mountpoint", .string, isRequired: true),
            ], decode: attachVolume),
        Binding(
            "detach_volume", since: first, DetachVolume.self,
            parameters: [.instance, Parameter("volume_id", .string, isRequired: true)], decode: detachVolume),
        Binding(
            "remove_volume_connection", since: first, RemoveVolumeConnection.self,
            parameters: [.instance, Parameter("volume_id", .any, isRequired: true)], decode: removeVolumeConnection),
        Binding(
            "add_fixed_ip_to_instance", since: first, AddFixedIPToInstance.self,
            parameters: [.instance, Parameter("network_id", .any, isRequired: true)], decode: addFixedIP),
        Binding(
            "remove_fixed_ip_from_instance", since: first, RemoveFixedIPFromInstance.self,
            parameters: [.instance, Parameter("address", .string, isRequired: true)], decode: removeFixedIP),
        Binding("inject_network_info", since: first, InjectNetworkInfo.self, decode: instance),
        Binding("reset_network", since: first, ResetNetwork.self, decode: instance),
        Binding(
            "refresh_instance_security_rules", since: first, RefreshInstanceSecurityRules.self, decode: instance),
    ]

    @Sendable
    private static func reserveBlockDeviceName(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> ReserveBlockDeviceName.Arguments {
        ReserveBlockDeviceName.Arguments(instance: try reader.instance(), device: try reader.string("device"))
    }

    @Sendable
    private static func attachVolume(_ reader: inout ArgumentReader) throws(ComputeFault) -> AttachVolume.Arguments {
        AttachVolume.Arguments(
            instance: try reader.instance(), volumeID: try volumeID(&reader),
            mountpoint: try reader.required("mountpoint"))
    }

    @Sendable
    private static func detachVolume(_ reader: inout ArgumentReader) throws(ComputeFault) -> DetachVolume.Arguments {
        DetachVolume.Arguments(instance: try reader.instance(), volumeID: try volumeID(&reader))
    }

    /// Older clouds number their volumes, and say the number here.
    @Sendable
    private static func removeVolumeConnection(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> RemoveVolumeConnection.Arguments {
        let instance = try reader.instance()
        if let number = reader.value("volume_id")?.int {
            return RemoveVolumeConnection.Arguments(instance: instance, volumeID: String(number))
        }
        return RemoveVolumeConnection.Arguments(instance: instance, volumeID: try volumeID(&reader))
    }

    @Sendable
    private static func addFixedIP(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> AddFixedIPToInstance.Arguments {
        let instance = try reader.instance()
        switch reader.value("network_id") {
        case .string(let text)? where !text.isEmpty:
            return AddFixedIPToInstance.Arguments(instance: instance, networkID: .string(text))
        case .number(let number)? where number.int != nil:
            return AddFixedIPToInstance.Arguments(instance: instance, networkID: .number(number))
        case nil: throw reader.fault("missing required argument 'network_id'")
        case let other?: throw reader.wrong("network_id", "a string or a whole number", other)
        }
    }

    @Sendable
    private static func removeFixedIP(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> RemoveFixedIPFromInstance.Arguments {
        RemoveFixedIPFromInstance.Arguments(
            instance: try reader.instance(), address: try reader.address("address"))
    }

    /// A volume's name: a uuid, or a number in older clouds, that comes as text.
    private static func volumeID(_ reader: inout ArgumentReader) throws(ComputeFault) -> String {
        try reader.required("volume_id")
    }
}
