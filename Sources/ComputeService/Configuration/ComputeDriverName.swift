// SPDX-License-Identifier: Apache-2.0

/// The driver that `compute_driver` and `connection_type` name, in any of the forms that nova has had for it.
enum ComputeDriverName {
    /// Why no driver is named.
    enum Failure: Error, Hashable {
        case missing
        case unknown(String)
        case connectionTypeMissing
        case unknownConnectionType(String)
    }

    /// The one of `known` that is meant; `known` are names such as `libvirt.LibvirtDriver`.
    static func resolve(computeDriver: String?, connectionType: String?, known: [String]) throws(Failure) -> String {
        let driver = computeDriver.map(normalized)
        if let driver, driver != getConnection {
            guard let match = known.first(where: { normalized($0) == driver }) else {
                throw .unknown(computeDriver ?? driver)
            }
            return match
        }
        guard let connectionType else { throw driver == nil ? .missing : .connectionTypeMissing }
        guard let match = known.first(where: { family($0) == connectionType.lowercased() }) else {
            throw .unknownConnectionType(connectionType)
        }
        return match
    }

    /// What precedes the class: `libvirt` of `libvirt.LibvirtDriver`.
    static func family(_ name: String) -> String { String(normalized(name).prefix { $0 != "." }) }

    /// Folsom's default, which chooses by `connection_type`.
    private static let getConnection = "connection.get_connection"

    /// `nova.virt.libvirt.driver.LibvirtDriver` and the like without `nova.virt.` and `.driver`.
    private static func normalized(_ name: String) -> String {
        var parts = name.split(separator: ".", omittingEmptySubsequences: false)
        if parts.count > 2, parts[0] == "nova", parts[1] == "virt" { parts.removeFirst(2) }
        if parts.count == 3, parts[1] == "driver" { parts.remove(at: 1) }
        return parts.joined(separator: ".")
    }
}

extension ComputeDriverName.Failure {
    /// What is wrong, with the drivers that there are.
    func reason(known: [String]) -> String {
        let drivers = "there are: \(known.sorted().joined(separator: ", "))"
        let families = "there are: \(known.map(ComputeDriverName.family).sorted().joined(separator: ", "))"
        switch self {
        case .missing:
            return "it must be set; \(drivers)"
        case .unknown(let name):
            let text = "'\(Printable.text(name))' is no driver of this build; \(drivers)"
            return Spelling.nearest(to: name, among: known).map { "\(text). Did you mean '\($0)'?" } ?? text
        case .connectionTypeMissing:
            return "get_connection needs [DEFAULT] connection_type, which is not set; \(families)"
        case .unknownConnectionType(let type):
            return "'\(Printable.text(type))' is no kind of hypervisor that this build drives; \(families)"
        }
    }
}
