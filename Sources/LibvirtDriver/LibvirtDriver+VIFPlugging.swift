// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
internal import ComputeModel
internal import Libvirt

extension LibvirtDriver: VIFPluggingDriver {
    /// libvirt connects interfaces when it starts a guest; this connects those of one that runs, as after its bridge
    /// was made anew.
    public func plugVIFs(_ request: GuestRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        let wanted = try await interfaces(request.networkInfo, id)
        let devices = try await devices(id)
        let plugs = wanted.compactMap { interface in
            devices[interface.macAddress].map { ["link", "set", "dev", $0, "up", "master", interface.bridge] }
        }
        try await setLinks(plugs, id)
    }

    public func unplugVIFs(_ request: GuestRequest) async throws {
        let id = request.instance.id
        try requireWriting(id)
        let addresses = request.networkInfo.compactMap { GuestInterface.macAddress($0) }
        let devices = try await devices(id)
        try await setLinks(addresses.compactMap { devices[$0] }.map { ["link", "set", "dev", $0, "nomaster"] }, id)
    }

    /// The devices on the host of a running guest's interfaces, by their MAC addresses.
    private func devices(_ id: InstanceID) async throws -> [String: String] {
        guard let domain = try await knownDomain(id) else { return [:] }
        let known = try await document(domain, id).interfaces
        return Dictionary(
            known.compactMap { interface in interface.target.map { (interface.macAddress.lowercased(), $0) } },
            uniquingKeysWith: { first, _ in first })
    }

    private func setLinks(_ commands: [[String]], _ id: InstanceID) async throws {
        guard !commands.isEmpty else { return }
        try await host.files.run("connect interfaces") { () throws(ComputeFault) in
            for command in commands {
                let outcome = Subprocess(program: "ip", arguments: command).run(within: .seconds(10))
                guard outcome.ending == .exit(0) else {
                    throw ComputeFault(
                        .hypervisorFailure,
                        "An interface of the guest can't be connected: \(SafeText.withoutPaths(outcome.output))",
                        instance: id)
                }
            }
        }
    }
}
