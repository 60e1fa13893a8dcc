// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Foundation
import TestSupport
import Testing

extension Program {
    /// kill -9 in the middle of what the worker does, with real guests; after the next start all is as it should be.
    @Suite(.hypervisor) struct CrashTests {
        /// Where in an operation the worker is killed.
        struct Moment: Sendable {
            let name: String
            /// A word of the journal's step; "accepted" for a row that has none yet.
            let step: String
            /// What must be there too, below the instance's directory.
            var file: String?
            var delay = 0.0
            /// Whether libvirt stands still meanwhile, so that the moment lasts.
            var isFrozen = false
        }

        static let creations = [
            Moment(name: "accepted", step: "accepted", isFrozen: true),
            Moment(name: "claimed", step: "spawning"),
            Moment(name: "directory made", step: "spawning", file: ""),
            Moment(name: "disk made", step: "spawning", file: "disk"),
            Moment(name: "defined or starting", step: "spawning", file: "disk", delay: 0.08),
            Moment(name: "starting", step: "spawning", file: "disk", delay: 0.25),
        ]
        static let reboots = [
            Moment(name: "accepted", step: "accepted", isFrozen: true),
            Moment(name: "asked", step: "rebooting"),
            Moment(name: "waiting for the guest", step: "rebooting", delay: 1),
            Moment(name: "starting again", step: "rebooting", delay: 2.1),
        ]
        static let deletions = [
            Moment(name: "accepted", step: "accepted"),
            Moment(name: "asked", step: "destroying"),
            Moment(name: "destroying", step: "destroying", delay: 0.03),
        ]

        @Test("A create is done once and whole, wherever the worker is killed in it", .timeLimit(.minutes(10)))
        func create() async throws {
            try await Scene.play { scene in
                for moment in Self.creations {
                    let instance = try await scene.counted(moment) { scene in
                        let instance = newInstance()
                        let isCounted = try await scene.kill("run_instance", instance, at: moment) {
                            try await scene.oslo.cast("run_instance", instance, to: "one", image: Hypervisor.image)
                        }
                        let events = try await scene.probe.events(
                            of: instance, until: ["compute.instance.create.end"], within: 90, settle: 0.5)
                        #expect(events.distinct.types == ["create.start", "create.end"], "killed when \(moment.name)")
                        #expect(events.last?.payload["state"] == "active")
                        #expect(try await scene.hypervisor.state(instance) == "running", "killed when \(moment.name)")
                        return isCounted ? instance : nil
                    }
                    try await scene.remove(instance)
                }
            }
        }

        @Test("A reboot ends with a running guest, wherever the worker is killed in it", .timeLimit(.minutes(10)))
        func reboot() async throws {
            try await Scene.play { scene in
                let instance = try await scene.guest()
                var reboots = 0
                for moment in Self.reboots {
                    _ = try await scene.counted(moment) { scene in
                        let before = try await scene.hypervisor.run(instance)
                        let isCounted = try await scene.kill("reboot_instance", instance, at: moment) {
                            try await scene.oslo.cast("reboot_instance", instance, to: "one")
                        }
                        reboots += 1
                        let types = ["compute.instance.reboot.start", "compute.instance.reboot.end"]
                        let events = try await scene.probe.events(
                            of: instance, until: types, counts: [types[0]: reboots, types[1]: reboots], within: 90,
                            settle: 0.5)
                        for type in types {
                            #expect(events.count(of: type) == reboots, "\(type), killed when \(moment.name)")
                        }
                        #expect(try await scene.hypervisor.state(instance) == "running", "killed when \(moment.name)")
                        #expect(try await scene.hypervisor.run(instance) != before, "killed when \(moment.name)")
                        return isCounted ? instance : nil
                    }
                }
                try await scene.remove(instance)
            }
        }

        @Test("A delete leaves nothing, wherever the worker is killed in it", .timeLimit(.minutes(10)))
        func delete() async throws {
            try await Scene.play { scene in
                for moment in Self.deletions {
                    _ = try await scene.counted(moment) { scene in
                        let instance = try await scene.guest()
                        let isCounted = try await scene.kill("terminate_instance", instance, at: moment) {
                            try await scene.oslo.cast("terminate_instance", instance, to: "one")
                        }
                        let events = try await scene.probe.events(
                            of: instance, until: ["compute.instance.delete.end"], within: 90, settle: 0.5)
                        #expect(
                            events.distinct.types.suffix(4)
                                == ["delete.start", "shutdown.start", "shutdown.end", "delete.end"],
                            "killed when \(moment.name)")
                        #expect(events.count(of: "compute.instance.delete.end") == 1)
                        #expect(
                            try await scene.hypervisor.isGone(instance, of: scene.worker), "killed when \(moment.name)")
                        return isCounted ? instance : nil
                    }
                }
            }
        }

        @Test("A stop and a start are done, when the worker is killed in them", .timeLimit(.minutes(10)))
        func power() async throws {
            try await Scene.play { scene in
                let instance = try await scene.guest()
                for (method, event, state) in [
                    ("stop_instance", "power_off", "shut off"), ("start_instance", "power_on", "running"),
                ] {
                    let moment = Moment(name: method, step: "powering")
                    _ = try await scene.counted(moment) { scene in
                        let isCounted = try await scene.kill(method, instance, at: moment) {
                            try await scene.oslo.cast(method, instance, to: "one")
                        }
                        let type = "compute.instance.\(event).end"
                        try await scene.probe.events(of: instance, until: [type], within: 90, settle: 0.5)
                        #expect(try await scene.hypervisor.state(instance) == state, "killed in \(method)")
                        if !isCounted {
                            // Back to where it was, for another attempt.
                            let back = method == "stop_instance" ? "start_instance" : "stop_instance"
                            _ = try await scene.oslo.call(back, instance, to: "one")
                            return nil
                        }
                        return instance
                    }
                }
                try await scene.remove(instance)
            }
        }
    }
}
