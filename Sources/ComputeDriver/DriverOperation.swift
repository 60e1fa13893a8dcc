// SPDX-License-Identifier: Apache-2.0

/// The operations of the driver contract, by nova's names.
public enum DriverOperation: String, CaseIterable, Sendable, Hashable {
    case listInstances = "list_instances"
    case info = "get_info"
    case spawn
    case destroy
    case reboot
    case hostResources = "get_available_resource"
    case powerOff = "power_off"
    case powerOn = "power_on"
    case consoleOutput = "get_console_output"
    case hostUptime = "get_host_uptime"
    case lifecycleEvents = "lifecycle_events"

    /// Whether a driver has the operation: a fact of its type, read without an instance of it or a connection.
    public func isImplemented(by driver: any ComputeDriver.Type) -> Bool {
        switch self {
        case .listInstances, .info, .spawn, .destroy, .reboot, .hostResources: true
        case .powerOff, .powerOn: driver is any PoweringDriver.Type
        case .consoleOutput: driver is any ConsoleOutputDriver.Type
        case .hostUptime: driver is any HostUptimeDriver.Type
        case .lifecycleEvents: driver is any LifecycleEventDriver.Type
        }
    }

    /// What the operation does, in a few words.
    public var summary: String {
        switch self {
        case .listInstances: "list the guests with their states"
        case .info: "tell the state of one guest"
        case .spawn: "build and start a guest"
        case .destroy: "stop a guest and remove all of it"
        case .reboot: "restart a guest, softly or hard"
        case .hostResources: "tell what the host has and what is in use"
        case .powerOff: "stop a guest and keep it"
        case .powerOn: "start a guest that is off"
        case .consoleOutput: "read the serial console"
        case .hostUptime: "tell how long the host is up"
        case .lifecycleEvents: "tell of state changes as they happen"
        }
    }
}
