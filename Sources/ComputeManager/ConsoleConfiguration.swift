// SPDX-License-Identifier: Apache-2.0

/// Where users reach the instances' consoles.
public struct ConsoleConfiguration: Sendable, Hashable {
    /// Nova's `novncproxy_base_url`; a token is added to it.
    public var noVNCProxyURL: String
    /// Nova's `xvpvncproxy_base_url`.
    public var xvpVNCProxyURL: String
    /// Nova's `console_host`: whose console service serves this host.
    public var consoleHost: String

    public init(
        noVNCProxyURL: String = "http://127.0.0.1:6080/vnc_auto.html",
        xvpVNCProxyURL: String = "http://127.0.0.1:6081/console", consoleHost: String
    ) {
        self.noVNCProxyURL = noVNCProxyURL
        self.xvpVNCProxyURL = xvpVNCProxyURL
        self.consoleHost = consoleHost
    }
}
