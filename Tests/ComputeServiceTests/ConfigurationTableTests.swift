// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Configuration
import Foundation
import Synchronization
import Testing

@testable import ComputeService

@Suite("The option table is the one list of options")
struct ConfigurationTableTests {
    /// Notes which options are read.
    private final class Reads: AccessReporter {
        private let names = Mutex<Set<OptionName>>([])
        private let wrong = Mutex<[String]>([])

        func report(_ event: AccessEvent) {
            if let name = ResolvedConfigurationProvider.name(of: event.metadata.key) {
                names.withLock { _ = $0.insert(name) }
            }
            let isSecret = (try? event.result.get())?.isSecret ?? false
            let option = OptionTable.standard.options.first {
                $0.name == ResolvedConfigurationProvider.name(of: event.metadata.key)
            }
            if let option, option.isSecret != isSecret, (try? event.result.get()) != nil {
                wrong.withLock { $0.append(event.metadata.key.description) }
            }
        }

        var all: Set<OptionName> { names.withLock { $0 } }
        var unmarked: [String] { wrong.withLock { $0 } }
    }

    @Test("Every option that the table calls served is read, and no other; secrets are read as secrets")
    func honesty() throws {
        let reads = Reads()
        let resolved = ConfigurationFixtures.resolve(
            "[DEFAULT]\ncompute_driver = fake.FakeDriver\n[libvirt]\nconnection_password = x\n"
                + "[oslo_messaging_notifications]\ntransport_url = rabbit://\n")
        let reader = ConfigReader(provider: ResolvedConfigurationProvider(resolved), accessReporter: reads)
        _ = try WorkerConfiguration(
            resolved, reader: reader, drivers: ConfigurationFixtures.drivers, transportURLFault: { _ in nil })
        let served = Set(OptionTable.standard.options.filter { $0.standing == .served }.map(\.name))
        #expect(served.subtracting(reads.all).map(\.description).sorted() == [])
        #expect(reads.all.subtracting(served).map(\.description).sorted() == [])
        #expect(reads.unmarked == [])
    }

    @Test("A lookup names the spelling, the file and the line")
    func lookups() throws {
        let resolved = ConfigurationFixtures.resolve("[DEFAULT]\nlibvirt_type = qemu\n")
        let lookup = try ResolvedConfigurationProvider(resolved).value(forKey: ["libvirt", "virt_type"], type: .string)
        #expect(lookup.encodedKey == "[DEFAULT] libvirt_type (a.conf:2)")
        #expect(lookup.value?.content == .string("qemu"))
    }

    @Test("No name and no environment variable stands for two options, and every default is allowed")
    func consistency() {
        let names = OptionTable.standard.options.flatMap { [$0.name] + $0.aliases }
        #expect(Set(names).count == names.count)
        #expect(Set(names.map(\.environmentVariable)).count == names.count)
        #expect(ConfigurationFixtures.resolve("").faults.isEmpty)
        #expect(OptionTable.standard.options.allSatisfy { $0.help.hasSuffix(".") })
    }

    @Test("The sample in docs is the table's")
    func sample() throws {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let file = root.appending(path: "docs/nova.conf.sample")
        #expect(try String(contentsOf: file, encoding: .utf8) == SampleConfiguration.text)
    }

    @Test("The sample can be used as it is, and with every comment taken off")
    func usableSample() throws {
        let worker = try ConfigurationFixtures.worker(SampleConfiguration.text)
        #expect(worker.driver == "libvirt.LibvirtDriver")
        #expect(worker.messaging.queues.isDurable)
        #expect(worker.notifications.drivers == [.messagingv2])
        let all = SampleConfiguration.text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
            line.hasPrefix("#") && !line.hasPrefix("# ") && !line.hasSuffix("=") ? line.dropFirst() : line
        }
        let resolved = ConfigurationFixtures.resolve(all.joined(separator: "\n"))
        #expect(resolved.faults.map(\.description) == [])
        #expect(resolved.settings.count { $0.origin != .byDefault } > 60)
        #expect(resolved.ignored.allSatisfy { $0.suggestion == nil })
    }

    @Test("config show as a table names key, value and source")
    func table() {
        let resolved = ConfigurationFixtures.resolve(
            "[DEFAULT]\ncompute_driver = fake.FakeDriver\nlibvirt_type = qemu\nsql_connection = x\n")
        let lines = ConfigurationReport(resolved).table.split(separator: "\n").map {
            $0.split(separator: " ").joined(separator: " ")
        }
        #expect(lines.first == "KEY VALUE FROM")
        #expect(lines.contains("[DEFAULT] host node1 default"))
        #expect(lines.contains("[DEFAULT] compute_driver fake.FakeDriver a.conf:2"))
        #expect(lines.contains("[libvirt] virt_type qemu a.conf:3"))
        #expect(lines.contains("[libvirt] connection_uri - default"))
        #expect(lines.contains("[DEFAULT] libvirt_type (a.conf:3): an older name; write [libvirt] virt_type"))
        #expect(lines.contains("[DEFAULT] sql_connection (a.conf:4) is ignored: the worker writes to no nova database"))
    }

    @Test("config show as JSON holds the same")
    func json() throws {
        let resolved = ConfigurationFixtures.resolve("[DEFAULT]\nhost = \"a\\b\"\ndebug = 7\nsql_connection = x\n")
        let document = try JSONParser.parse(ConfigurationReport(resolved).json)
        let host = document["options"]?.array?.first { $0["key"] == "host" }
        #expect(host?["value"] == "a\\b")
        #expect(host?["from"] == "a.conf:2")
        #expect(document["options"]?.array?.first { $0["key"] == "compute_driver" }?["value"] == .null)
        #expect(document["ignored"]?.array?.first?["key"] == "[DEFAULT] sql_connection")
        #expect(document["faults"]?.array?.first?["from"] == "a.conf:3")
    }
}
