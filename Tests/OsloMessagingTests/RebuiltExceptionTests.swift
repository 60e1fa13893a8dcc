// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import OsloMessaging
import TestSupport
import Testing

/// The classes are written out, and it is Python that makes them: oslo.messaging's own code for today's callers, and
/// Folsom's rule (the class of an allowed module, called with its keywords alone) for those of 2012.
@Suite("A failure is the exception that its caller can build", .timeLimit(.minutes(4)))
struct RebuiltExceptionTests {
    /// What each kind is to a caller of either era; the name of a `RemoteError` stands behind a colon.
    private static func expectation(_ kind: ComputeFault.Kind) -> (flat: String, enveloped: String) {
        switch kind {
        case .instanceNotFound: ("InstanceNotFound", "InstanceNotFound")
        case .instanceExists: ("InstanceExists", "InstanceExists")
        case .invalid: ("Invalid", "Invalid")
        case .imageNotFound: ("ImageNotFound", "ImageNotFound")
        case .imageUnacceptable: ("ImageUnacceptable", "ImageUnacceptable")
        case .imageTooLarge: ("ImageTooLarge", "FlavorDiskSmallerThanImage")
        case .computeResourcesUnavailable: ("ComputeResourcesUnavailable", "ComputeResourcesUnavailable")
        case .unexpectedTaskState: ("UnexpectedTaskStateError", "UnexpectedTaskStateError")
        case .instanceInvalidState: ("InstanceInvalidState", "InstanceInvalidState")
        case .instanceTerminationFailure: ("InstanceTerminationFailure", "InstanceTerminationFailure")
        case .instancePowerFailure: ("InstancePowerOffFailure", "InstancePowerOffFailure")
        case .instanceRebootFailure: ("InstanceRebootFailure", "InstanceRebootFailure")
        case .instancePasswordSetFailed: ("InstancePasswordSetFailed", "InstancePasswordSetFailed")
        case .migrationFailure: ("MigrationError", "MigrationError")
        case .consoleTypeInvalid: ("ConsoleTypeInvalid", "ConsoleTypeInvalid")
        case .consoleNotAvailable: ("ConsoleNotFoundForInstance", "ConsoleNotAvailable")
        case .devicePathInUse: ("DevicePathInUse", "DevicePathInUse")
        case .invalidDevicePath: ("InvalidDevicePath", "InvalidDevicePath")
        case .volumeNotFound: ("VolumeNotFound", "VolumeNotFound")
        case .networkNotFound: ("NetworkNotFound", "NetworkNotFound")
        case .fixedIPNotFound: ("FixedIpNotFoundForInstance", "FixedIpNotFoundForInstance")
        case .aggregateFailure: ("AggregateError", "AggregateError")
        case .unsupportedOperation: ("RemoteError:NotImplementedError", "NotImplementedError")
        case .noSuchMethod: ("RemoteError:AttributeError", "RemoteError:NoSuchMethod")
        case .unsupportedVersion: ("RemoteError:UnsupportedRpcVersion", "RemoteError:UnsupportedVersion")
        case .badArguments: ("RemoteError:TypeError", "TypeError")
        case .unavailable: ("ServiceUnavailable", "ServiceUnavailable")
        case .timeout, .superseded, .cancelled, .expired, .hypervisorFailure, .storeFailure, .internalError:
            ("NovaException", "NovaException")
        }
    }

    private struct Sent {
        let fault: ComputeFault
        let form: WireForm
        let expected: String
    }

    private static func sent() throws -> [Sent] {
        let id = try #require(InstanceID("f53be0a8-2c05-413b-b16b-7b044ffa6469"))
        var all: [Sent] = []
        for kind in ComputeFault.Kind.allCases {
            let (flat, enveloped) = expectation(kind)
            for fault in [
                ComputeFault(kind, "It went wrong.", instance: id), ComputeFault(kind, "100 % wrong: \"größe\""),
            ] {
                all += [Sent(fault: fault, form: .flat, expected: flat)]
                all += [Sent(fault: fault, form: .enveloped, expected: enveloped)]
            }
        }
        let powerOn = ComputeFault(.instancePowerFailure, "no", instance: id, arguments: ["power": "on"])
        let task = ComputeFault(
            .unexpectedTaskState, "busy", instance: id, arguments: ["expected": ["deleting"], "actual": nil])
        let size = ComputeFault(
            .imageTooLarge, "too large", instance: id, arguments: ["flavor_size": 1_073_741_824, "image_size": 2])
        for form in [WireForm.flat, .enveloped] {
            all.append(Sent(fault: powerOn, form: form, expected: "InstancePowerOnFailure"))
            all.append(Sent(fault: task, form: form, expected: "UnexpectedTaskStateError"))
            all.append(
                Sent(fault: size, form: form, expected: form == .flat ? "ImageTooLarge" : "FlavorDiskSmallerThanImage"))
            all.append(Sent(fault: .instanceNotFound(id), form: form, expected: "InstanceNotFound"))
        }
        return all
    }

    /// Has Python build them all; what it came to, in their order.
    private static func rebuilt(_ sent: [Sent]) async throws -> [JSONValue] {
        let encoder = ReplyEncoder()
        let file = FileManager.default.temporaryDirectory.appending(path: "failures-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        let lines = sent.map { sent in
            let address =
                sent.form == .flat
                ? ReplyAddress.messageID("d8d92097fad1417bb93d77e182d05a6e")
                : .replyQueue(name: "reply_5ed1", messageID: "13ae98b6b12f4ce99603e094a4d63c01", heartbeat: nil)
            let body = encoder.failure(sent.fault, to: address)[0].body
            return JSONWriter.text([
                "era": .string(sent.form == .flat ? "flat" : "enveloped"),
                "body": .string(String(decoding: body, as: UTF8.self)),
            ])
        }
        try Data(lines.map { $0 + "\n" }.joined().utf8).write(to: file)
        let script = PythonClient.projectDirectory.appending(path: "Tests/Clients/rebuild_failures.py").path
        let process = try ChildProcess(
            try await PythonClient.interpreter(), [script, file.path], environment: ["PYTHONDONTWRITEBYTECODE": "1"])
        #expect(try await process.wait(within: .seconds(120)) == .exited(0))
        #expect(await process.output.closed(within: .seconds(10)))
        let answers = process.output.lines
        try #require(answers.count == sent.count, "\(process.errors.text(last: 20))")
        return try answers.map { try JSONParser.parse(Array($0.utf8)) }
    }

    @Test("every kind of fault, in both eras: class, message, the class's own text, and its code")
    func everyKind() async throws {
        let sent = try Self.sent()
        for (sent, answer) in zip(sent, try await Self.rebuilt(sent)) {
            let place: Comment = "\(sent.fault.kind), \(sent.form): \(JSONWriter.text(answer))"
            let name = answer["class"]?.string ?? ""
            let type = answer["exc_type"]?.string.map { "\(name):\($0)" } ?? name
            #expect(type == sent.expected, place)
            #expect(answer["message"]?.string == RemoteException(sent.fault, for: sent.form).message, place)
            if ![.noSuchMethod, .unsupportedVersion].contains(sent.fault.kind) {
                #expect(answer["message"]?.string == sent.fault.message, place)
            }
            #expect(answer["code"] == answer["own_code"], place)
            // A class of nova's has a text of its own, which its keywords fill.
            let isNovas = !name.hasPrefix("RemoteError") && !["NotImplementedError", "TypeError"].contains(name)
            #expect((answer["text"]?.string != nil) == isNovas, place)
            #expect(answer["text"]?.string?.contains("%(") != true, place)
        }
    }

    @Test("a Folsom caller, who reads the class's own text alone, finds the fault's values in it")
    func texts() async throws {
        let id = try #require(InstanceID("f53be0a8-2c05-413b-b16b-7b044ffa6469"))
        let faults: [(ComputeFault, String)] = [
            (.instanceNotFound(id), "Instance \(id) could not be found."),
            (
                ComputeFault(.instanceExists, "?", instance: id, arguments: ["name": "instance-0000002a"]),
                "Instance instance-0000002a already exists."
            ),
            (
                ComputeFault(.imageUnacceptable, "?", arguments: ["image_id": "70a5", "reason": "no format"]),
                "Image 70a5 is unacceptable: no format"
            ),
            (ComputeFault(.imageNotFound, "?", arguments: ["image_id": "70a5"]), "Image 70a5 could not be found."),
            (
                ComputeFault(.unexpectedTaskState, "?", arguments: ["expected": "spawning", "actual": nil]),
                "unexpected task state: expecting spawning but the actual state is None"
            ),
            (ComputeFault(.instanceRebootFailure, "It hangs."), "Failed to reboot instance: It hangs."),
            (ComputeFault(.instancePowerFailure, "It hangs."), "Failed to power off instance: It hangs."),
            (ComputeFault(.instanceTerminationFailure, "It hangs."), "Failed to terminate instance: It hangs."),
            (ComputeFault(.imageTooLarge, "?"), "Image is larger than instance type allows"),
        ]
        let answers = try await Self.rebuilt(faults.map { Sent(fault: $0.0, form: .flat, expected: "") })
        for ((_, text), answer) in zip(faults, answers) { #expect(answer["text"]?.string == text) }
    }
}
