// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Configuration

/// The configuration of a worker: every setting with its type, checked.
public struct WorkerConfiguration: Sendable, Equatable {
    /// `[DEFAULT] host`: the worker's name.
    public var host: String
    /// `[DEFAULT] my_ip`.
    public var address: String
    /// The driver that `compute_driver` names, spelled as in the list of drivers that the caller knows.
    public var driver: String
    public var messaging: MessagingOptions
    public var notifications: NotificationOptions
    public var images: ImageOptions
    public var libvirt: LibvirtOptions
    public var fake: FakeOptions
    public var store: StoreOptions
    public var manager: ManagerOptions
    public var peers: PeerOptions
    public var periodic: PeriodicOptions
    public var logging: LoggingOptions

    /// Gives the settings their types and checks them against each other.
    ///
    /// - Parameters:
    ///   - resolved: the settings; its faults are thrown along with those found here.
    ///   - drivers: the names of the drivers of this build, such as `libvirt.LibvirtDriver`.
    ///   - transportURLFault: what is wrong with a broker URL, without its secrets; nil for a good one.
    /// - Throws: everything that is wrong, at once.
    public init(
        _ resolved: ResolvedConfiguration,
        drivers: [String],
        transportURLFault: (String) -> String? = { _ in nil }
    ) throws(ConfigurationFaults) {
        let reader = ConfigReader(provider: ResolvedConfigurationProvider(resolved))
        try self.init(resolved, reader: reader, drivers: drivers, transportURLFault: transportURLFault)
    }

    init(
        _ resolved: ResolvedConfiguration, reader: ConfigReader, drivers: [String],
        transportURLFault: (String) -> String?
    ) throws(ConfigurationFaults) {
        var check = ConfigurationCheck(resolved)
        let driver = check.driver(
            computeDriver: reader.string(forKey: "compute_driver"),
            connectionType: reader.string(forKey: "connection_type"), known: drivers)
        do {
            self.driver = driver
            host = try reader.requiredString(forKey: "host")
            address = try reader.requiredString(forKey: "my_ip")
            messaging = try MessagingOptions(config: reader)
            notifications = try NotificationOptions(config: reader)
            images = try ImageOptions(config: reader)
            libvirt = try LibvirtOptions(config: reader.scoped(to: "libvirt"), vnc: reader.scoped(to: "vnc"))
            fake = try FakeOptions(config: reader.scoped(to: "fake"))
            store = try StoreOptions(config: reader)
            manager = try ManagerOptions(config: reader)
            peers = try PeerOptions(config: reader)
            periodic = try PeriodicOptions(config: reader)
            logging = try LoggingOptions(config: reader)
        } catch {
            throw ConfigurationFaults(
                check.faults + [
                    ConfigurationFault(key: nil, origin: nil, reason: "an option without a value: \(error)")
                ])
        }
        check.transportURL(messaging.transportURL.reveal(), of: OptionTable.transportURL, with: transportURLFault)
        if let url = notifications.transportURL?.reveal() {
            let name = OptionName("oslo_messaging_notifications", "transport_url")
            check.transportURL(url, of: name, with: transportURLFault)
        }
        check.unserved()
        check.pairs(of: self)
        guard check.faults.isEmpty else { throw ConfigurationFaults(check.faults) }
    }
}
