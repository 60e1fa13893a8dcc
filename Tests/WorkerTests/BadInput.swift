// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import TestSupport

/// What nobody should send, by the names that docs/BAD-INPUT.md gives it.
enum BadInput: String, CaseIterable {
    case cutOff = "malformed JSON"
    case empty = "an empty body"
    case notUTF8 = "invalid UTF-8"
    case deep = "10,000 levels of nesting"
    case huge = "a body of 64 MB"
    case compressed = "a compressed body"
    case array = "JSON that is no object"
    case unknownEnvelope = "an unknown envelope version"
    case envelopeOfNumber = "an envelope without a text"
    case envelopeOfNoJSON = "an envelope of malformed JSON"
    case noMethod = "no method"
    case numberMethod = "a method that is no text"
    case arrayArguments = "arguments that are no object"
    case unknownMethod = "an unknown method"
    case privateMethod = "a private method name"
    case unsupportedVersion = "an unsupported version"
    case noVersion = "no version"
    case wordVersion = "a version that is no number"
    case shortVersion = "a version without a minor part"
    case noArguments = "missing arguments"
    case wrongType = "an argument of the wrong type"
    case surplusArgument = "an unknown argument"
    case noUUID = "an instance without a uuid"
    case pathUUID = "an instance whose uuid is a path"
    case hugeFlavor = "a size out of range"
    case readNoArguments = "missing arguments of a call that only reads"
    case forgedReply = "a forged reply name"
    case endlessTimeout = "a hostile `_timeout`"

    /// How a message comes, and where its sender waits.
    enum Sender {
        case cast
        /// Folsom's: the exchange and key of the reply are the message's id.
        case folsomCall(id: String)
        case osloCall(id: String, queue: String)

        /// The members that ask for a reply, each with its comma.
        var members: String {
            switch self {
            case .cast: ""
            case .folsomCall(let id): "\"_msg_id\": \"\(id)\", "
            case .osloCall(let id, let queue): "\"_msg_id\": \"\(id)\", \"_reply_q\": \"\(queue)\", "
            }
        }
    }

    /// The queue that a forged reply name points at.
    static let forgedTarget = "seen.forged"

    /// The message as a command of the probe.
    func command(from sender: Sender) -> JSONObject {
        let members = sender.members
        let uptime = "\"method\": \"get_host_uptime\", \"args\": {}, \"version\": \"2.0\"}"
        func request(_ method: String, _ arguments: String = "{}", version: String? = "2.0") -> JSONObject {
            let version = version.map { ", \"version\": \"\($0)\"" } ?? ""
            return Self.text("{\(members)\"method\": \"\(method)\", \"args\": \(arguments)\(version)}", sender)
        }
        func reboot(_ uuid: String, _ more: String = "") -> JSONObject {
            request("reboot_instance", "{\"instance\": {\"uuid\": \"\(uuid)\"}\(more)}")
        }
        switch self {
        case .cutOff: return ["text": .string("{\(members)\"method\": ")]
        case .empty: return ["text": ""]
        case .notUTF8:
            let text = "{\(members)\"method\": \"get_host_uptime\", \"args\": {}, \"x\": \""
            return ["hex": .string(Self.hex(Array(text.utf8) + [0xFF] + Array("\"}".utf8)))]
        case .deep: return ["head": .string("{\(members)\"method\":\"x\",\"args\":"), "fill": ["[", 10_000]]
        case .huge:
            return [
                "head": .string("{\(members)\"method\":\"run_instance\",\"x\":\""), "fill": ["x", 67_108_864],
                "tail": "\"}",
            ]
        case .compressed:
            return ["hex": "1f8b0800000000000203", "properties": ["content_encoding": "gzip"]]
        case .array: return ["text": .string("[{\(members)\(uptime)]")]
        case .unknownEnvelope: return Self.envelope("\"9.0\"", "{\(members)\(uptime)")
        case .envelopeOfNumber: return ["text": "{\"oslo.version\": \"2.0\", \"oslo.message\": 5}"]
        case .envelopeOfNoJSON: return Self.envelope("\"2.0\"", "{\(members)")
        case .noMethod: return Self.text("{\(members)\"args\": {}, \"version\": \"2.0\"}", sender)
        case .numberMethod:
            return Self.text("{\(members)\"method\": 1, \"args\": {}, \"version\": \"2.0\"}", sender)
        case .arrayArguments: return request("stop_instance", "[]")
        case .unknownMethod: return request("no_such_method")
        case .privateMethod: return request("_run_instance")
        case .unsupportedVersion: return request("run_instance", version: "3.0")
        case .noVersion: return request("run_instance", version: nil)
        case .wordVersion: return request("run_instance", version: "abc")
        case .shortVersion: return request("run_instance", version: "2")
        case .noArguments: return request("reboot_instance")
        case .wrongType: return request("reboot_instance", "{\"instance\": 5}")
        case .surplusArgument: return reboot(newInstance(), ", \"surplus\": 1")
        case .noUUID: return request("reboot_instance", "{\"instance\": {}}")
        case .pathUUID: return reboot("../../etc")
        case .hugeFlavor:
            return request(
                "run_instance", "{\"instance\": {\"uuid\": \"\(newInstance())\", \"memory_mb\": 9223372036854775807}}")
        case .readNoArguments: return request("get_console_output")
        case .forgedReply:
            switch sender {
            case .cast: return request("get_host_uptime")
            case .folsomCall: return Self.text("{\"_msg_id\": \"\(Self.forgedTarget)\", \(uptime)", sender)
            case .osloCall(let id, _):
                return Self.text(
                    "{\"_msg_id\": \"\(id)\", \"_reply_q\": \"\(Self.forgedTarget)\", \(uptime)", sender)
            }
        case .endlessTimeout:
            return Self.text("{\(members)\"_timeout\": 9223372036854775807, \(uptime)", sender)
        }
    }

    /// A request as its sender's era packs it.
    private static func text(_ message: String, _ sender: Sender) -> JSONObject {
        if case .osloCall = sender { return envelope("\"2.0\"", message) }
        return ["text": .string(message)]
    }

    private static func envelope(_ version: String, _ message: String) -> JSONObject {
        let text = JSONWriter.text(.string(message))
        return ["text": .string("{\"oslo.version\": \(version), \"oslo.message\": \(text)}")]
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
