// SPDX-License-Identifier: Apache-2.0

internal import Configuration

/// TLS to the brokers: `[oslo_messaging_rabbit] ssl_*`.
public struct TLSOptions: Sendable, Equatable {
    /// `ssl_ca_file`; nil for the system's certificates.
    public var caFile: String?
    /// `ssl_cert_file`, with `keyFile`.
    public var certificateFile: String?
    /// `ssl_key_file`, with `certificateFile`.
    public var keyFile: String?
    /// `ssl_enforce_hostname_verification`.
    public var verifiesHostName: Bool

    init(config: ConfigReader) throws {
        caFile = config.string(forKey: "ssl_ca_file")
        certificateFile = config.string(forKey: "ssl_cert_file")
        keyFile = config.string(forKey: "ssl_key_file")
        verifiesHostName = try config.requiredBool(forKey: "ssl_enforce_hostname_verification")
    }
}
