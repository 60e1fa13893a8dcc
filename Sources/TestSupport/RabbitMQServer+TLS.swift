// SPDX-License-Identifier: Apache-2.0

internal import Foundation

extension RabbitMQServer {
    /// The authority that signs this broker's certificates, as a PEM file.
    public var authorityFile: String { directory.appendingPathComponent("authority.pem").path }

    var tlsSettings: [String] {
        [
            "listeners.ssl.1 = 127.0.0.1:\(tlsPort)",
            "ssl_options.cacertfile = \(authorityFile)",
            "ssl_options.certfile = \(directory.path)/server.pem",
            "ssl_options.keyfile = \(directory.path)/server.key",
            "ssl_options.verify = verify_none",
            "ssl_options.fail_if_no_peer_cert = false",
            "ssl_options.versions.1 = tlsv1.2",
        ]
    }

    func makeCertificate(_ names: CertificateNames) async throws {
        let path = directory.path
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        if !FileManager.default.fileExists(atPath: authorityFile) {
            let basics = ["-addext", "keyUsage=critical,keyCertSign", "-days", "3", "-subj", "/CN=test authority"]
            _ = try await run(
                "/usr/bin/openssl",
                ["req", "-x509"] + key + ["-keyout", "\(path)/authority.key", "-out", authorityFile] + basics)
        }
        let alternatives = names.hosts.map { "DNS:\($0)" } + names.addresses.map { "IP:\($0)" }
        let request =
            ["req", "-x509", "-CA", authorityFile, "-CAkey", "\(path)/authority.key"] + key
            + ["-keyout", "\(path)/server.key", "-out", "\(path)/server.pem", "-days", "2", "-subj", "/CN=test broker"]
            + ["-addext", "subjectAltName=\(alternatives.joined(separator: ","))"]
            + ["-addext", "basicConstraints=critical,CA:FALSE"]
        _ = try await run("/usr/bin/openssl", request)
    }
}
