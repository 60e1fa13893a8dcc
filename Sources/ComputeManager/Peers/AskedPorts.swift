// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// A network service whose calls have their time-out and their trace.
struct AskedNetwork: NetworkPort {
    let port: any NetworkPort
    let calls: PeerCalls

    func allocate(
        for instance: Instance, requested networks: [JSONValue], context: RequestContext
    ) async throws -> [JSONValue] {
        try await calls.ask(.network, "allocate_for_instance") {
            try await port.allocate(for: instance, requested: networks, context: context)
        }
    }

    func networkInfo(of instance: Instance, context: RequestContext) async throws -> [JSONValue] {
        try await calls.ask(.network, "get_instance_nw_info") {
            try await port.networkInfo(of: instance, context: context)
        }
    }

    func deallocate(for instance: Instance, context: RequestContext) async throws {
        try await calls.ask(.network, "deallocate_for_instance") {
            try await port.deallocate(for: instance, context: context)
        }
    }

    func addFixedIP(to instance: Instance, networkID: JSONValue, context: RequestContext) async throws {
        try await calls.ask(.network, "add_fixed_ip_to_instance") {
            try await port.addFixedIP(to: instance, networkID: networkID, context: context)
        }
    }

    func removeFixedIP(_ address: String, from instance: Instance, context: RequestContext) async throws {
        try await calls.ask(.network, "remove_fixed_ip_from_instance") {
            try await port.removeFixedIP(address, from: instance, context: context)
        }
    }

    func setUpNetworks(
        of instance: Instance, on host: String, teardown: Bool, context: RequestContext
    ) async throws {
        try await calls.ask(.network, "setup_networks_on_host") {
            try await port.setUpNetworks(of: instance, on: host, teardown: teardown, context: context)
        }
    }
}

/// A volume service whose calls have their time-out and their trace.
struct AskedVolumes: VolumePort {
    let port: any VolumePort
    let calls: PeerCalls

    func initializeConnection(
        _ volumeID: String, for instance: InstanceID, connector: VolumeConnector, context: RequestContext
    ) async throws -> Secret<JSONObject> {
        try await calls.ask(.volumes, "initialize_connection") {
            try await port.initializeConnection(volumeID, for: instance, connector: connector, context: context)
        }
    }

    func attach(_ volumeID: String, to instance: Instance, deviceName: String, context: RequestContext) async throws {
        try await calls.ask(.volumes, "attach_volume") {
            try await port.attach(volumeID, to: instance, deviceName: deviceName, context: context)
        }
    }

    func detach(_ volumeID: String, from instance: InstanceID, context: RequestContext) async throws {
        try await calls.ask(.volumes, "detach_volume") {
            try await port.detach(volumeID, from: instance, context: context)
        }
    }

    func terminateConnection(
        _ volumeID: String, of instance: InstanceID, connector: VolumeConnector, context: RequestContext
    ) async throws {
        try await calls.ask(.volumes, "terminate_connection") {
            try await port.terminateConnection(volumeID, of: instance, connector: connector, context: context)
        }
    }

    func delete(_ volumeID: String, context: RequestContext) async throws {
        try await calls.ask(.volumes, "delete_volume") { try await port.delete(volumeID, context: context) }
    }
}

/// A console token service whose calls have their time-out and their trace.
struct AskedConsoleTokens: ConsoleTokenPort {
    let port: any ConsoleTokenPort
    let calls: PeerCalls

    func deleteTokens(of instance: InstanceID, context: RequestContext) async throws {
        try await calls.ask(.consoleTokens, "delete_tokens_for_instance") {
            try await port.deleteTokens(of: instance, context: context)
        }
    }
}

/// Other computes, asked with time-out and trace.
struct AskedComputes: ComputePort {
    let port: any ComputePort
    let calls: PeerCalls

    func call(
        host: String, method: String, version: String, arguments: JSONObject, context: RequestContext
    ) async throws -> JSONValue {
        try await calls.ask(.computes, method) {
            try await port.call(host: host, method: method, version: version, arguments: arguments, context: context)
        }
    }
}
