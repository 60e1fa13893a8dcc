// SPDX-License-Identifier: Apache-2.0

internal import AMQP
internal import ComputeModel

/// What an operator should know about the way to the brokers before something goes wrong: a sentence for each.
enum BrokerAdvice {
    /// An error of a connection, and what helps against it where something does.
    static func sentence(for error: BrokerError) -> String {
        let advice: String? =
            switch error.code {
            case .accessRefused:
                "check user and password in transport_url and the user's rights (rabbitmqctl list_permissions)"
            case .notAllowed: "check the virtual host in transport_url (rabbitmqctl list_vhosts)"
            case .declarationRefused:
                "it exists with other properties: let amqp_durable_queues, amqp_auto_delete and rabbit_quorum_queue "
                    + "say what the other services' say, or delete it while nobody uses it; it is declared anew then"
            case .certificateRefused: "check ssl_ca_file, and the date"
            case .hostNameRefused: "transport_url must name the broker as its certificate does"
            case .queueLocked:
                "another worker serves this host, or the broker has not given up our last connection yet, which "
                    + "takes two heartbeats"
            case .unreachable:
                "check host and port in transport_url, whether the broker runs and listens there (ss -ltn), and firewalls"
            case .tlsFailed:
                "check that the broker listens with TLS at this port (5671 as a rule), its log, and the ssl_ options"
            default: nil
            }
        // The broker's own sentence about a lock is long and says less.
        if error.code == .queueLocked, let advice { return "the host is taken at the broker: \(advice)" }
        return advice.map { "\(error) (\($0))" } ?? "\(error)"
    }

    /// What helps where a message to ourselves does not come back.
    static let loopback =
        "the connection is made anew by itself; if that does not help, look at the broker's log and at what stands "
        + "between it and this host (balancers, firewalls)"

    /// For the brokers of the casts and, where they are others, those of the events.
    static func notes(for worker: WorkerConfiguration) -> [String] {
        let connection = worker.messaging.connection
        let own = notes(worker.messaging.transportURL, connection, name: OptionTable.transportURL)
        guard let url = worker.notifications.transportURL else { return own }
        return own + notes(url, connection, name: OptionName("oslo_messaging_notifications", "transport_url"))
    }

    private static func notes(
        _ secret: Secret<String>, _ options: ConnectionOptions, name: OptionName
    ) -> [String] {
        // A URL that can't be read is a fault of the configuration, and told as one.
        guard let url = try? TransportURL(secret.reveal()),
            let configuration = try? BrokerConfiguration(secret, options, purpose: "")
        else { return [] }
        var notes = url.query.keys.filter { !BrokerConfiguration.queryKeys.contains($0) }.sorted().map {
            "\(name): '\(safe($0))' in its query has no effect; write it as an option of its own"
        }
        let remote = configuration.endpoints.filter { !isLoopback($0.host) }.map(\.host)
        if configuration.tls == nil, let host = remote.first {
            notes.append(
                "\(name): passwords and casts go to '\(safe(host))' in the clear, without TLS; set "
                    + "[oslo_messaging_rabbit] ssl = true and ssl_ca_file")
        }
        if configuration.loginMethod == .plain,
            configuration.endpoints.contains(where: { $0.user == "guest" && $0.password == "guest" })
        {
            notes.append("\(name): it logs in as guest with the password that everybody knows; make a user of its own")
        }
        return notes
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host.hasSuffix(".localhost") || host == "::1" || host.hasPrefix("127.")
    }

    /// A broken URL can put anything where a key or a host is looked for: nothing long or odd is repeated.
    private static func safe(_ text: String) -> String {
        let isPlain = text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "@") }
        return isPlain && text.utf8.count <= 64 ? text : "…"
    }
}
