// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import FoundationEssentials
internal import Glibc

/// Arguments that must have a certain form.
extension ArgumentReader {
    /// A host's name, which becomes a part of a routing key.
    mutating func hostName(_ key: String) throws(ComputeFault) -> String {
        let name = try required(key)
        try checkHostName(name, key)
        return name
    }

    func checkHostName(_ name: String, _ what: String) throws(ComputeFault) {
        guard (1...240).contains(name.utf8.count), name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw fault("'\(what)' must be the name of a host: at most 240 printable ASCII characters, no spaces")
        }
    }

    /// An IPv4 or IPv6 address.
    mutating func address(_ key: String) throws(ComputeFault) -> String {
        let text = try required(key)
        var parsed = in6_addr()
        guard inet_pton(AF_INET, text, &parsed) == 1 || inet_pton(AF_INET6, text, &parsed) == 1 else {
            throw fault("argument '\(key)' must be an IP address")
        }
        return text
    }

    /// A file for a guest: a path, and base64 text that older encoders break into lines.
    func file(_ path: String, _ contents: String, _ what: String) throws(ComputeFault) -> InjectedFile {
        guard (1...4096).contains(path.utf8.count), !path.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) else {
            throw fault("\(what): a path must have at most 4096 bytes and no control characters")
        }
        let lines = contents.utf8.filter { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard Data(base64Encoded: Data(lines)) != nil else { throw fault("\(what): contents must be base64 text") }
        return InjectedFile(path: path, contents: contents)
    }

    /// Pairs of a path and base64 text.
    mutating func injectedFiles() throws(ComputeFault) -> Secret<[InjectedFile]> {
        var files: [InjectedFile] = []
        for element in try array("injected_files") ?? [] {
            guard let pair = element.array, pair.count == 2, let path = pair[0].string, let text = pair[1].string else {
                throw fault("argument 'injected_files' must be pairs of a path and base64 text")
            }
            files.append(try file(path, text, "argument 'injected_files'"))
        }
        return Secret(files)
    }

    /// Tuples of a network, an address and, with Quantum, a port; each may be null.
    mutating func requestedNetworks() throws(ComputeFault) -> [JSONValue] {
        let networks = try array("requested_networks") ?? []
        for network in networks {
            guard let parts = network.array, (1...3).contains(parts.count),
                parts.allSatisfy({ $0.isNull || $0.string != nil })
            else {
                throw fault("argument 'requested_networks' must be lists of a network, an address and a port, or null")
            }
        }
        return networks
    }
}
