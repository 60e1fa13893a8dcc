// SPDX-License-Identifier: Apache-2.0

import Foundation
import TestSupport
import Testing

/// A way to a libvirtd that delays what is sent over it, by a time that can be changed.
struct SlowProxy: Sendable {
    let uri: String
    private let delayFile: URL

    /// Passes every piece on after the time that a file says in seconds.
    private static let program = """
        # SPDX-License-Identifier: Apache-2.0
        import os, socket, sys, threading, time
        here, there, delay = sys.argv[1:4]
        def wait():
            with open(delay) as file:
                time.sleep(float(file.read() or 0))
        def pump(source, sink):
            try:
                while data := source.recv(65536):
                    wait()
                    sink.sendall(data)
            except OSError:
                pass
            for end in (source, sink):
                try: end.shutdown(socket.SHUT_RDWR)
                except OSError: pass
        def leave():
            sys.stdin.read()
            os._exit(0)
        threading.Thread(target=leave, daemon=True).start()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(here)
        listener.listen(64)
        while True:
            near, _ = listener.accept()
            far = socket.socket(socket.AF_UNIX)
            far.connect(there)
            for pair in ((near, far), (far, near)):
                threading.Thread(target=pump, args=pair, daemon=True).start()
        """

    /// Runs `body` with a proxy before a server.
    static func withProxy(_ server: LibvirtServer, _ body: (SlowProxy) async throws -> Void) async throws {
        let script = server.directory.appending(path: "proxy.py")
        let delayFile = server.directory.appending(path: "proxy.delay")
        let socket = server.directory.appending(path: "proxy-sock").path
        let target = server.directory.appending(path: "sock/libvirt-sock").path
        try program.write(to: script, atomically: true, encoding: .utf8)
        try "0".write(to: delayFile, atomically: true, encoding: .utf8)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["python3", script.path, socket, target, delayFile.path]
        // It ends when this end of its input goes, with us at the latest, and holds none of our outputs.
        let leash = Pipe()
        process.standardInput = leash
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.run()
        defer { try? leash.fileHandleForWriting.close() }
        #expect(try await eventually { FileManager.default.fileExists(atPath: socket) })
        let uri = server.uri.replacingOccurrences(of: target, with: socket)
        try await body(SlowProxy(uri: uri, delayFile: delayFile))
    }

    func delay(_ seconds: Double) throws {
        try "\(seconds)".write(to: delayFile, atomically: true, encoding: .utf8)
    }
}
