// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
public import Logging

/// Writes log lines as nova writes them, so that the tools which read nova's logs read ours.
///
/// `2026-11-23 08:15:30.123 INFO compute.manager [req-… user project] [instance: uuid] message key=value`; or one JSON
/// object a line. Metadata keys `request.id`, `user.id`, `project.id` and `instance.uuid` take their places in the line,
/// the rest follows the message.
public struct WorkerLogHandler: LogHandler {
    public var metadata: Logger.Metadata = [:]
    public var metadataProvider: Logger.MetadataProvider?
    public var logLevel: Logger.Level

    private let label: String
    private let output: LogOutput
    private let usesJSON: Bool
    private let clock: any WallClock

    init(label: String, level: Logger.Level, usesJSON: Bool, output: LogOutput, clock: any WallClock) {
        self.label = label
        self.logLevel = level
        self.usesJSON = usesJSON
        self.output = output
        self.clock = clock
    }

    public subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    public func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
        if let given = event.metadata {
            if fields.isEmpty { fields = given } else { fields.merge(given) { $1 } }
        }
        if let error = event.error { fields["error"] = .string("\(error)") }
        let line = usesJSON ? json(event, fields) : text(event, fields)
        output.write(line)
    }

    private func text(_ event: LogEvent, _ fields: Logger.Metadata) -> String {
        var rest = fields
        func take(_ key: String) -> String? { rest.removeValue(forKey: key).map { "\($0)" } }
        let request = [take("request.id") ?? "-", take("user.id") ?? "-", take("project.id") ?? "-"]
        let instance = take("instance.uuid").map { "[instance: \($0)] " } ?? ""
        var line = "\(clock.now().spaced.dropLast(3)) \(Self.novaName(event.level)) \(label) "
        line += "[\(request.joined(separator: " "))] \(instance)\(event.message)"
        for (key, value) in rest.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(value)" }
        // One event is one line, whatever a peer managed to put into a value.
        return Self.printable(line) + "\n"
    }

    /// The text with control characters written as escapes: neither a line of its own nor a terminal's command comes
    /// out of a value.
    static func printable(_ text: String) -> String {
        func isControl(_ byte: UInt8) -> Bool { byte < 0x20 || byte == 0x7F }
        guard text.utf8.contains(where: isControl) else { return text }
        let digits = Array("0123456789abcdef".utf8)
        var output: [UInt8] = []
        output.reserveCapacity(text.utf8.count + 16)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\n"): output += Array("\\n".utf8)
            case UInt8(ascii: "\r"): output += Array("\\r".utf8)
            case UInt8(ascii: "\t"): output += Array("\\t".utf8)
            case _ where isControl(byte): output += Array("\\x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: output.append(byte)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private func json(_ event: LogEvent, _ fields: Logger.Metadata) -> String {
        var object: JSONObject = [
            "time": .string(clock.now().iso + "Z"), "level": .string(Self.novaName(event.level)),
            "logger": .string(label), "message": .string("\(event.message)"),
        ]
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) { object[key] = .string("\(value)") }
        return JSONWriter.text(.object(object)) + "\n"
    }

    private static func novaName(_ level: Logger.Level) -> String {
        switch level {
        case .trace: "TRACE"
        case .debug: "DEBUG"
        case .info: "INFO"
        case .notice: "NOTICE"
        case .warning: "WARNING"
        case .error: "ERROR"
        case .critical: "CRITICAL"
        }
    }
}
