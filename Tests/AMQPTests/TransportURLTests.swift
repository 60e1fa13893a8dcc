// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import AMQP

@Suite("Transport URLs are read as oslo.messaging reads them")
struct TransportURLTests {
    @Test("A full URL gives host, port, user, password and virtual host")
    func full() throws {
        let url = try TransportURL("rabbit://stack:secret@controller:5673/nova")
        #expect(url.endpoints == [BrokerEndpoint(host: "controller", port: 5673, user: "stack", password: "secret")])
        #expect(url.virtualHost == "nova")
    }

    @Test(
        "What is left out takes the defaults: guest, 5672, /",
        arguments: ["rabbit://", "rabbit:///", "rabbit://localhost"])
    func defaults(_ text: String) throws {
        let url = try TransportURL(text)
        #expect(url.endpoints == [BrokerEndpoint(host: "localhost", port: 5672, user: "guest", password: "guest")])
        #expect(url.virtualHost == "/")
    }

    @Test("Percent escapes are resolved in user, password and virtual host")
    func escapes() throws {
        let url = try TransportURL("rabbit://us%40er:p%2Fa%3Ass%2C%25w%20ord@h/%2Fn%C3%B6va")
        #expect(url.endpoints == [BrokerEndpoint(host: "h", user: "us@er", password: "p/a:ss,%w ord")])
        #expect(url.virtualHost == "/növa")
    }

    @Test("A second slash names the virtual host /")
    func doubleSlash() throws {
        #expect(try TransportURL("rabbit://h//").virtualHost == "/")
    }

    @Test("A broken escape stands for itself, as in Python's unquote")
    func brokenEscape() throws {
        #expect(try TransportURL("rabbit://u:50%zz%4@h/").endpoints[0].password == "50%zz%4")
    }

    @Test("A plus in a password is a plus, one in the query a space")
    func plus() throws {
        let url = try TransportURL("rabbit://u:a+b@h/?x=a+b&y=1&y=2&z=")
        #expect(url.endpoints[0].password == "a+b")
        #expect(url.query == ["x": "a b", "y": "1,2"])
    }

    @Test("IPv6 addresses stand in brackets, with and without a port")
    func ipv6() throws {
        let url = try TransportURL("rabbit://u:p@[::1]:5673,u:p@[fe80::2]/")
        #expect(url.endpoints.map(\.host) == ["::1", "fe80::2"])
        #expect(url.endpoints.map(\.port) == [5673, 5672])
        #expect(url.endpoints[0].address == "[::1]:5673")
    }

    @Test("Several hosts keep their order and their own credentials")
    func severalHosts() throws {
        let url = try TransportURL("rabbit://u1:p1@h1:1,u2:p2@h2:2,h3/v")
        #expect(url.endpoints.map(\.user) == ["u1", "u2", "guest"])
        #expect(url.endpoints.map(\.password) == ["p1", "p2", "guest"])
        #expect(url.hostsWithoutCredentials == ["h3:5672"])
    }

    @Test("A user may hold one @, for the last one ends the credentials")
    func atInUser() throws {
        let endpoint = try TransportURL("rabbit://me@realm:p@host/").endpoints[0]
        #expect(endpoint == BrokerEndpoint(host: "host", user: "me@realm", password: "p"))
    }

    @Test(
        "What cannot be read is refused with a sentence that shows no password",
        arguments: [
            "localhost:5672", "qpid://u:hunter2@h/", "rabbit://u:hunter2@h:0/", "rabbit://u:hunter2@h:99999/",
            "rabbit://u:hunter2@[::1/", "rabbit://u:hunter2%FF@h/", "rabbit://u:hunter2@h:x/",
            "amqp+hunter2://u:hunter2@h/",
        ])
    func refused(_ text: String) {
        #expect {
            _ = try TransportURL(text)
        } throws: { error in
            guard let error = error as? TransportURLError else { return false }
            return error.description.contains("transport_url") && !error.description.contains("hunter2@")
                && !error.description.contains(":hunter2")
        }
    }

    @Test("Neither URL nor configuration nor endpoint prints a password")
    func redacted() throws {
        let text = "rabbit://stack:hunter2@controller:5673,a:hunter2@b/nova?ssl=1"
        let configuration = try BrokerConfiguration(transportURL: text)
        var dumped = ""
        dump(configuration, to: &dumped)
        dump(try TransportURL(text), to: &dumped)
        dump(configuration.endpoints, to: &dumped)
        dumped += "\(configuration) \(String(reflecting: configuration)) \(configuration.endpoints)"
        #expect(!dumped.contains("hunter2") && dumped.contains("controller:5673"))
    }

    @Test("Options of the query stand over the parameters")
    func queryOptions() throws {
        let configuration = try BrokerConfiguration(
            transportURL: "rabbit://h/?ssl=True&ssl_ca_file=/ca.pem"
                + "&heartbeat_timeout_threshold=7&rabbit_login_method=EXTERNAL",
            tls: nil)
        #expect(configuration.tls == TLSConfiguration(authorityFile: "/ca.pem"))
        #expect(configuration.heartbeat == .seconds(7))
        #expect(configuration.loginMethod == .external)
        #expect(try BrokerConfiguration(transportURL: "rabbit://h/?ssl=0", tls: TLSConfiguration()).tls == nil)
        #expect(throws: TransportURLError.self) { try BrokerConfiguration(transportURL: "rabbit://h/?ssl=perhaps") }
    }
}
