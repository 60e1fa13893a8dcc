// SPDX-License-Identifier: Apache-2.0

internal import CLibvirt
internal import Glibc

/// One thing that libvirt wants to know before it lets somebody in.
public struct CredentialRequest: Sendable, Hashable {
    /// What is asked for.
    public enum Kind: Sendable, Hashable, CaseIterable {
        case userName
        case authenticationName
        case language
        case clientNonce
        case passphrase
        case echoPrompt
        case hiddenPrompt
        case realm
        case external
    }

    public let kind: Kind
    /// libvirt's words to a person; may be empty.
    public let prompt: String

    /// What is asked for, as words in a sentence.
    public var words: String {
        switch kind {
        case .userName: "a user name"
        case .authenticationName: "an authentication name"
        case .language: "a language"
        case .clientNonce: "a client nonce"
        case .passphrase: "a passphrase"
        case .echoPrompt: "an answer to a question"
        case .hiddenPrompt: "a secret answer to a question"
        case .realm: "a realm"
        case .external: "a credential from elsewhere (such as polkit)"
        }
    }
}

extension CredentialRequest.Kind {
    private var number: Int32 {
        let type: virConnectCredentialType =
            switch self {
            case .userName: VIR_CRED_USERNAME
            case .authenticationName: VIR_CRED_AUTHNAME
            case .language: VIR_CRED_LANGUAGE
            case .clientNonce: VIR_CRED_CNONCE
            case .passphrase: VIR_CRED_PASSPHRASE
            case .echoPrompt: VIR_CRED_ECHOPROMPT
            case .hiddenPrompt: VIR_CRED_NOECHOPROMPT
            case .realm: VIR_CRED_REALM
            case .external: VIR_CRED_EXTERNAL
            }
        return Int32(type.rawValue)
    }

    init?(number: Int32) {
        guard let kind = Self.allCases.first(where: { $0.number == number }) else { return nil }
        self = kind
    }

    /// All that libvirt may ask for, so that it asks and we can say what was wanted.
    static var numbers: [Int32] { allCases.map(\.number) }
}

/// Answers libvirt's questions during one opening of a connection, and remembers them.
final class CredentialDesk {
    private let answer: @Sendable (CredentialRequest) -> String?
    private(set) var wanted: [CredentialRequest] = []
    private(set) var refused: [CredentialRequest] = []

    init(answer: @escaping @Sendable (CredentialRequest) -> String?) { self.answer = answer }

    func answer(_ requests: UnsafeMutableBufferPointer<virConnectCredential>) -> Int32 {
        for index in requests.indices {
            let prompt = requests[index].prompt.map { String(cString: $0) } ?? ""
            guard let kind = CredentialRequest.Kind(number: requests[index].type) else { return -1 }
            let request = CredentialRequest(kind: kind, prompt: prompt)
            wanted.append(request)
            guard let text = answer(request) else {
                refused.append(request)
                continue
            }
            // libvirt frees the result.
            requests[index].result = strdup(text)
            requests[index].resultlen = UInt32(text.utf8.count)
        }
        return refused.isEmpty ? 0 : -1
    }

    /// The sentence that says what was wanted and what of it was missing; nil if everything was answered.
    var refusal: String? {
        guard !refused.isEmpty else { return nil }
        let missing = Self.list(refused)
        let all = Self.list(wanted)
        return all == missing
            ? "libvirt asks for \(all), which is not configured"
            : "libvirt asks for \(all), of which \(missing) is not configured"
    }

    private static func list(_ requests: [CredentialRequest]) -> String {
        var words: [String] = []
        for request in requests where !words.contains(request.words) { words.append(request.words) }
        guard let last = words.popLast() else { return "nothing" }
        return words.isEmpty ? last : words.joined(separator: ", ") + " and " + last
    }
}

/// Called by libvirt on the thread that opens the connection.
func answerCredentials(
    _ requests: UnsafeMutablePointer<virConnectCredential>?, _ count: UInt32, _ desk: UnsafeMutableRawPointer?
) -> Int32 {
    guard let requests, let desk else { return -1 }
    return Unmanaged<CredentialDesk>.fromOpaque(desk).takeUnretainedValue()
        .answer(UnsafeMutableBufferPointer(start: requests, count: Int(count)))
}
