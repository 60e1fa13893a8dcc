// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// Tells where a guest's screen is. Nova: `get_vnc_console`; who asked has consoleauth remember the token.
enum GetVNCConsole: ReadOnlyOperation {
    struct Arguments: Sendable {
        let instance: Instance
        let type: VNCConsoleType
    }

    /// Where the screen is, for the proxy and for the user.
    struct Console: Sendable {
        let endpoint: ConsoleEndpoint
        let token: UniqueBits
        let accessURL: String
    }

    static let name = OperationName(rawValue: "get_vnc_console")
    static let summary = "tells where a guest's screen is, with a token for its user"
    static let needs: [DriverOperation] = [.vncConsole]

    /// The port as text, as nova's libvirt driver has it.
    static func json(_ output: Console) -> JSONValue {
        [
            "host": .string(output.endpoint.host), "port": .string(String(output.endpoint.port)),
            "internal_access_path": JSONValue(output.endpoint.internalAccessPath),
            "token": .string(output.token.dashed), "access_url": .string(output.accessURL),
        ]
    }

    static func answer(_ arguments: Arguments, in context: ReadContext) async throws -> Console {
        let endpoint = try await context.driver.vncConsole(arguments.instance)
        let token = context.identifiers.next()
        let base =
            switch arguments.type {
            case .noVNC: context.consoles.noVNCProxyURL
            case .xvpVNC: context.consoles.xvpVNCProxyURL
            }
        return Console(endpoint: endpoint, token: token, accessURL: "\(base)?token=\(token.dashed)")
    }
}
