// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt

/// Why a call to libvirt did not do what was asked.
public struct LibvirtError: Error, Sendable, Hashable {
    /// What sort of failure this is.
    public enum Kind: Sendable, Hashable {
        /// libvirt refused or failed; ``LibvirtError/code`` says how.
        case library
        /// No answer within the deadline; whether the work was done is not known.
        case timeout
        /// No thread was free to make the call, because others do not return; nothing was done.
        case exhausted
        /// There is no connection just now.
        case disconnected
        /// libvirt asked for credentials that are not configured.
        case credentials
        /// The task that asked was cancelled before the call began.
        case cancelled
    }

    public let kind: Kind
    /// libvirt's error number; ``Code/ok`` where the error is not libvirt's.
    public let code: Code
    /// The part of libvirt that failed (`virErrorDomain`).
    public let domain: Int32
    /// The call that failed (`virDomainCreate`).
    public let operation: String
    /// What happened, in a sentence; may hold paths of the host.
    public let message: String

    public init(_ kind: Kind, operation: String, message: String, code: Code = .ok, domain: Int32 = 0) {
        self.kind = kind
        self.code = code
        self.domain = domain
        self.operation = operation
        self.message = message
    }

    /// The calling thread's last error: to be read on the thread that made the call, before it makes another.
    static func last(_ operation: String) -> LibvirtError {
        guard let error = virGetLastError() else {
            return LibvirtError(.library, operation: operation, message: "\(operation) failed and gave no reason")
        }
        let message = error.pointee.message.map { String(cString: $0) } ?? "no reason given"
        return LibvirtError(
            .library, operation: operation, message: message, code: Code(rawValue: error.pointee.code),
            domain: error.pointee.domain)
    }

    /// Whether the connection was lost under the call: the client side of the RPC failed, not the hypervisor.
    public var isConnectionLost: Bool {
        switch kind {
        case .disconnected: true
        case .library:
            code == .invalidConnection || domain == Int32(VIR_FROM_RPC.rawValue)
                || (domain == Int32(VIR_FROM_REMOTE.rawValue) && code != .noSupport)
        case .timeout, .exhausted, .credentials, .cancelled: false
        }
    }

    /// Whether the same call may succeed later.
    public var isRetriable: Bool {
        switch kind {
        case .timeout, .exhausted, .disconnected: true
        case .credentials, .cancelled: false
        case .library: isConnectionLost || [.operationTimeout, .noConnection, .systemError].contains(code)
        }
    }
}

extension LibvirtError: CustomStringConvertible {
    public var description: String { message.hasPrefix(operation) ? message : "\(operation): \(message)" }
}

extension LibvirtError {
    /// libvirt's error number (`virErrorNumber`).
    public struct Code: RawRepresentable, Sendable, Hashable {
        public let rawValue: Int32
        public init(rawValue: Int32) { self.rawValue = rawValue }
        private init(_ number: virErrorNumber) { rawValue = Int32(number.rawValue) }

        public static let ok = Code(VIR_ERR_OK)
        public static let internalError = Code(VIR_ERR_INTERNAL_ERROR)
        public static let noSupport = Code(VIR_ERR_NO_SUPPORT)
        /// Among others: the guest has no device for an agent.
        public static let argumentUnsupported = Code(VIR_ERR_ARGUMENT_UNSUPPORTED)
        public static let invalidArgument = Code(VIR_ERR_INVALID_ARG)
        public static let noConnection = Code(VIR_ERR_NO_CONNECT)
        public static let invalidConnection = Code(VIR_ERR_INVALID_CONN)
        public static let operationFailed = Code(VIR_ERR_OPERATION_FAILED)
        public static let xmlError = Code(VIR_ERR_XML_ERROR)
        public static let operationDenied = Code(VIR_ERR_OPERATION_DENIED)
        public static let systemError = Code(VIR_ERR_SYSTEM_ERROR)
        public static let rpc = Code(VIR_ERR_RPC)
        public static let noDomain = Code(VIR_ERR_NO_DOMAIN)
        public static let authFailed = Code(VIR_ERR_AUTH_FAILED)
        public static let operationInvalid = Code(VIR_ERR_OPERATION_INVALID)
        public static let operationTimeout = Code(VIR_ERR_OPERATION_TIMEOUT)
        public static let deviceMissing = Code(VIR_ERR_DEVICE_MISSING)
    }
}
