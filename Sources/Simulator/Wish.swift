// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// Something that a client asked for.
struct Wish {
    enum Method: String, CaseIterable {
        case run = "run_instance"
        case softReboot = "reboot_instance SOFT"
        case hardReboot = "reboot_instance HARD"
        case start = "start_instance"
        case stop = "stop_instance"
        case powerOn = "power_on_instance"
        case powerOff = "power_off_instance"
        case terminate = "terminate_instance"
        case console = "get_console_output"
        case uptime = "get_host_uptime"
        case malformed = "malformed"
        case unknownMethod = "attach_moon"

        /// The wire name.
        var name: String { String(rawValue.split(separator: " ")[0]) }

        var isReboot: Bool { self == .softReboot || self == .hardReboot }
        var isJournaled: Bool {
            switch self {
            case .console, .uptime, .malformed, .unknownMethod: false
            default: true
            }
        }

        /// The event that tells of its success; nil for what has none.
        var endEvent: String? {
            switch self {
            case .run: "compute.instance.create.end"
            case .softReboot, .hardReboot: "compute.instance.reboot.end"
            case .start, .powerOn: "compute.instance.power_on.end"
            case .stop, .powerOff: "compute.instance.power_off.end"
            case .terminate: "compute.instance.delete.end"
            default: nil
            }
        }

        var startEvent: String? { endEvent.map { $0.dropLast(3) + "start" } }
    }

    let number: Int
    let method: Method
    let instance: InstanceID
    let form: WireForm
    let requestID: String
    /// Where the caller waits; nil for a cast.
    let messageID: String?
    let body: [UInt8]
    /// Messages that are wishes of their own: equal ones without an id.
    var copies = 1
    /// Whether the build may go back to the scheduler.
    let mayGoBack: Bool

    /// Stands in `display_name`, which every driver call carries.
    var mark: String { "wish-\(number)" }

    static func number(ofMark mark: String?) -> Int? {
        mark.flatMap { $0.hasPrefix("wish-") ? Int($0.dropFirst(5)) : nil }
    }
}
