// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Glibc

/// A request that somebody makes by hand, checked before anything is connected.
public struct ToolRequest: Sendable {
    let method: String
    let arguments: JSONObject
    let version: String
    let topic: String?
    let server: String?
    let isFanout: Bool
    let context: RequestContext
    let form: WireForm

    /// - Throws: ``ProgramFailure`` of kind `usage`, naming the option that is wrong.
    public init(
        method: String, arguments: String?, argumentsFile: String?, version: String, topic: String?, server: String?,
        isFanout: Bool, context: String?, isFlat: Bool
    ) throws {
        self.method = method
        self.version = version
        self.topic = topic
        self.server = server
        self.isFanout = isFanout
        form = isFlat ? .flat : .enveloped
        if let argumentsFile {
            self.arguments = try Self.object(try Self.read(argumentsFile), option: "--args-file")
        } else {
            self.arguments = try arguments.map { try Self.object($0, option: "--args") } ?? JSONObject()
        }
        var fields = RequestContext.admin(requestID: "req-\(RandomIdentifiers().next().dashed)").fields
        for member in try context.map({ try Self.object($0, option: "--context") })?.members ?? [] {
            fields[member.key] = member.value
        }
        self.context = RequestContext(fields: fields)
    }

    /// More than any broker takes in one message.
    static let longestFile = 64 << 20

    /// To the end of the file, which may be a pipe as well: its size says nothing.
    private static func read(_ path: String) throws -> String {
        let file = path == "-" ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw unreadable(path, errno) }
        defer { if file != STDIN_FILENO { close(file) } }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = part.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress, $0.count) }
            if count == 0 { return String(decoding: bytes, as: UTF8.self) }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw unreadable(path, errno)
            }
            bytes += part[..<count]
            guard bytes.count <= longestFile else {
                throw ProgramFailure(.usage, "--args-file: \(path) is longer than \(longestFile) bytes")
            }
        }
    }

    private static func unreadable(_ path: String, _ code: Int32) -> ProgramFailure {
        ProgramFailure(
            .usage,
            "--args-file: \(path) can't be read (\(String(cString: strerror(code)))); give the path of a JSON file, or -")
    }

    private static func object(_ text: String, option: String) throws -> JSONObject {
        do {
            guard let object = try JSONParser.parse(text).object else {
                throw ProgramFailure(.usage, "\(option) must be a JSON object, such as {\"instance\": {\"uuid\": \"…\"}}")
            }
            return object
        } catch let error as JSONError {
            throw ProgramFailure(.usage, "\(option) is not JSON: \(error)")
        }
    }
}
