// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Foundation
import LibvirtDriver
import TestSupport

/// Two libvirtds of the tests' own, as two hosts that see the same images, and the same instances or not.
struct TwoHosts {
    let servers: [LibvirtServer]
    let drivers: [LibvirtDriver]
    let instancesPaths: [String]
    let image: LocalImage

    var first: LibvirtDriver { drivers[0] }
    var second: LibvirtDriver { drivers[1] }

    static func with(shared: Bool, _ body: (TwoHosts) async throws -> Void) async throws {
        try await LibvirtServer.withServer(hostname: "host-1") { one async throws in
            try await LibvirtServer.withServer(hostname: "host-2") { two async throws in
                let servers = [one, two]
                let configurations = (0..<2).map { index in
                    var configuration = Guests.configuration(servers[index])
                    if shared { configuration.instancesPath = one.directory.appending(path: "instances").path }
                    configuration.hostName = "host-\(index + 1)"
                    configuration.hostsOfSameInstancesPath = shared ? ["host-1", "host-2"] : []
                    // As the other host's libvirtd, which has no TCP port, is reached from here.
                    configuration.liveMigrationURI = servers[1 - index].uri
                    return configuration
                }
                let image = try await Guests.image(one)
                try await Guests.withDriver(configurations[0]) { first async throws in
                    try await Guests.withDriver(configurations[1]) { second async throws in
                        try await body(
                            TwoHosts(
                                servers: servers, drivers: [first, second],
                                instancesPaths: configurations.map(\.instancesPath), image: image))
                    }
                }
            }
        }
    }
}
