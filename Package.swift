// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

/// What holds for every target: Swift 6, warnings are errors, and an import is as narrow as it can be.
let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
]

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(name: "UnixSignals", package: "swift-service-lifecycle")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let grdb = Target.Dependency.product(name: "GRDB", package: "GRDB.swift")
let sqlite = Target.Dependency.product(name: "GRDBSQLite", package: "GRDB.swift")

func room(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tests(of name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: [.target(name: name)] + dependencies + ["TestSupport"],
        swiftSettings: settings)
}

let package = Package(
    name: "compute-worker",
    products: [.executable(name: "compute-worker", targets: ["compute-worker"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/apple/swift-configuration", exact: "1.4.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    ],
    targets: [
        // C stays in its room: a module map and the few shims that Swift needs.
        .systemLibrary(name: "CRabbitMQ", pkgConfig: "librabbitmq", providers: [.apt(["librabbitmq-dev"])]),
        .systemLibrary(name: "CLibvirt", pkgConfig: "libvirt", providers: [.apt(["libvirt-dev"])]),
        .systemLibrary(name: "CLibXML2", pkgConfig: "libxml-2.0", providers: [.apt(["libxml2-dev"])]),
        room("AMQP", ["CRabbitMQ", logging, metrics]),
        room("Libvirt", ["CLibvirt"]),
        room("XML", ["CLibXML2"]),

        // The words, the wire, the contract.
        room("ComputeModel"),
        room("OsloMessaging", ["AMQP", "ComputeModel", logging]),
        room("ComputeDriver", ["ComputeModel"]),

        // One room per hypervisor family.
        room("FakeDriver", ["ComputeDriver", "ComputeModel"]),
        room("LibvirtDriver", ["ComputeDriver", "ComputeModel", "Libvirt", "XML", logging]),

        // What the worker remembers and whom it asks.
        room("WorkerStore", ["ComputeModel", grdb, sqlite]),
        room("ImageService", ["ComputeModel"]),

        // What it does, and what it is.
        room("ComputeManager", ["ComputeDriver", "ComputeModel", "ImageService", "WorkerStore", logging, metrics]),
        room(
            "ComputeService",
            [
                "AMQP", "ComputeDriver", "ComputeManager", "ComputeModel", "FakeDriver", "ImageService",
                "LibvirtDriver", "OsloMessaging", "WorkerStore", configuration, lifecycle, logging, metrics, signals,
            ]),
        // The worker on one thread, with everything around it simulated; no part of what is shipped.
        room(
            "Simulator",
            [
                "AMQP", "ComputeDriver", "ComputeManager", "ComputeModel", "ComputeService", "FakeDriver",
                "ImageService", "OsloMessaging", "SimulatedDisk", "WorkerStore", logging,
            ]),
        .executableTarget(name: "simulate", dependencies: ["Simulator", arguments], swiftSettings: settings),
        .executableTarget(
            name: "compute-worker", dependencies: ["ComputeService", arguments], swiftSettings: settings),

        // What every driver's tests hold it to.
        room("DriverConformance", ["ComputeDriver", "ComputeModel"]),
        // Fixtures: a real broker, a real libvirt, a disk that is none.
        room("TestSupport"),
        .target(name: "CSimulatedDisk", swiftSettings: settings, linkerSettings: [.linkedLibrary("sqlite3")]),
        room("SimulatedDisk", ["CSimulatedDisk"]),
        tests(of: "AMQP", [logging]),
        tests(of: "Libvirt"),
        tests(of: "XML"),
        tests(of: "ComputeModel"),
        tests(of: "OsloMessaging", ["AMQP", "ComputeModel", logging]),
        tests(of: "ComputeDriver", ["ComputeModel", "FakeDriver"]),
        tests(of: "FakeDriver", ["ComputeDriver", "ComputeModel", "DriverConformance"]),
        tests(of: "LibvirtDriver", ["ComputeDriver", "ComputeModel", "DriverConformance", "Libvirt", "XML", logging]),
        tests(of: "WorkerStore", ["ComputeModel", "SimulatedDisk", grdb]),
        tests(of: "ImageService", ["ComputeModel"]),
        tests(of: "ComputeManager", ["ComputeDriver", "ComputeModel", "FakeDriver", "ImageService", "WorkerStore", logging]),
        tests(
            of: "ComputeService",
            [
                "AMQP", "ComputeDriver", "ComputeManager", "ComputeModel", "LibvirtDriver",
                "OsloMessaging", "WorkerStore", configuration, logging,
            ]),
        .testTarget(name: "WorkerTests", dependencies: ["ComputeModel", "TestSupport"], swiftSettings: settings),
        .testTarget(name: "SimulatorTests", dependencies: ["Simulator"], swiftSettings: settings),
        .testTarget(name: "ArchitectureTests", swiftSettings: settings),
    ])
