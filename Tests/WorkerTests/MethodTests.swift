// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

extension Program {
    /// The whole interface of 2012, asked for by today's client.
    @Suite struct MethodTests {
        @Test("Each of the 54 methods of nova's rpcapi is served at its version", .timeLimit(.minutes(5)))
        func served() async throws {
            #expect(FolsomMethod.all.count == 54)
            try await Bench.with { bench in
                let tracing = try await Tracing.begin(bench, try await bench.probe())
                let volumes = bench.directory.appending(path: "volumes")
                try FileManager.default.createDirectory(at: volumes, withIntermediateDirectories: true)
                try Data(count: 1024).write(to: volumes.appending(path: FolsomMethod.volume))
                var settings = bench.settings()
                settings.options["compute_worker"] = ["volume_api": "local", "local_volumes_path": volumes.path]
                settings.options["DEFAULT"] = ["rpc_response_timeout": "3"]
                settings.options["notifications"] = ["notify_on_state_change": "vm_and_task_state"]
                let worker = try await bench.worker(settings)
                let oslo = try await bench.oslo()
                let listed = try JSONParser.parse(
                    try await ChildProcess.run(WorkerProcess.binary, ["api", "--format", "json"]).output)
                let names = (listed.array ?? []).compactMap { $0["method"]?.string }
                #expect(names.sorted() == FolsomMethod.all.map(\.name).sorted())

                var answers: [String: JSONValue] = [:]
                for method in FolsomMethod.all {
                    let instance = newInstance()
                    if method.isAboutInstance {
                        let built = try await oslo.call("run_instance", instance, to: "one")
                        #expect(built["error"] == nil, "\(method.name): \(JSONWriter.text(built))")
                        answers["run_instance"] = built
                    }
                    for earlier in method.before {
                        let answer = try await ask(oslo, earlier, instance, version: earlier.version)
                        #expect(answer["error"] == nil, "\(earlier.name): \(JSONWriter.text(answer))")
                    }
                    let minor = try #require(Int(method.version.suffix(1)))
                    if minor > 0 {
                        let early = try await ask(oslo, method, instance, version: "2.\(minor - 1)")
                        #expect(early["error"]?["exc_type"] == "NoSuchMethod", "\(method.name)")
                    }
                    let answer = try await ask(oslo, method, instance, version: method.version)
                    let text = "\(method.name): \(JSONWriter.text(answer))"
                    switch method.answer {
                    case .result: answers[method.name] = answer
                    case .refusal(let name):
                        #expect(answer["error"]?["exc_type"]?.string == name, "\(text)")
                        #expect(answer["error"]?["value"]?.string?.isEmpty == false, "\(text)")
                    }
                    // The scheduler's limits leave room for some instances, not for one of each method.
                    if method.isAboutInstance { _ = try await oslo.call("terminate_instance", instance, to: "one") }
                }
                #expect(try await worker.stop() == .exited(0))
                try await tracing.hold(atLeast: 100, by: .served)
                try await bench.hold(answers, by: .served)
            }
        }

        @Test("The result of each method's success is held against its schema by one test")
        func witnesses() throws {
            let names = FolsomMethod.all.map(\.name).sorted()
            #expect(ResultWitness.allCases.flatMap(\.methods).sorted() == names)
            let folder = PythonClient.projectDirectory.appending(path: "schemas/results")
            let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            #expect(files.sorted() == names.map { "\($0).json" })
        }

        @Test("The payload of each event is held against its schema by a test")
        func eventWitnesses() async throws {
            let listed = try JSONParser.parse(
                try await ChildProcess.run(WorkerProcess.binary, ["api", "--format", "json"]).output)
            let events = Set((listed.array ?? []).flatMap { $0["events"]?.array ?? [] }.compactMap(\.string))
                .union(["compute.instance.update"])
            let methods = Set(FolsomMethod.all.map(\.name))
            let witnessed = Set(EventWitness.allCases.flatMap(\.events))
            #expect(witnessed.subtracting(methods) == events)
            #expect(!witnessed.isDisjoint(with: methods), "no test has an error event told")
            let folder = PythonClient.projectDirectory.appending(path: "schemas/payloads")
            let files = Set(try FileManager.default.contentsOfDirectory(atPath: folder.path))
            let schemas = witnessed.map { methods.contains($0) ? "error.json" : "\(Self.stem($0)).json" }
            // What all payloads share has no event of its own.
            #expect(files == Set(schemas).union(["instance.json"]))
        }

        private static func stem(_ event: String) -> String {
            for suffix in [".start", ".end"] where event.hasSuffix(suffix) {
                return String(event.dropLast(suffix.count))
            }
            return event
        }

        private func ask(
            _ oslo: Caller, _ method: FolsomMethod, _ instance: String, version: String
        ) async throws -> JSONValue {
            if method.isAboutInstance {
                return try await oslo.call(
                    method.name, instance, to: "one", extra: method.arguments, more: ["version": .string(version)])
            }
            return try await oslo.ask([
                "kind": "call", "method": .string(method.name), "server": "one", "args": .object(method.arguments),
                "version": .string(version),
            ])
        }
    }
}
