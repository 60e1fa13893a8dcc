// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// Takes the secrets out of a value that is to be told to others; the shape stays.
enum SecretMask {
    /// Keys whose values are secret wherever they stand, in lower case, beside those that a word in them gives away.
    private static let keys = Set(
        [
            "adminpass", "injected_files", "file_contents", "personality", "user_data", "key_data", "connection_info",
            "service_catalog", "slave_info", "pass",
        ].map { Array($0.utf8) })
    /// Whoever named a key so has said what it holds.
    private static let words = ["password", "passwd", "passphrase", "secret", "token", "credential"].map { Array($0.utf8) }
    /// Not every key is one to a lock: `key_name` and the like name something.
    private static let endings = [
        "_pass", "api_key", "apikey", "access_key", "auth_key", "encryption_key", "private_key", "signing_key",
    ].map { Array($0.utf8) }
    private static let contextPrefix = Array("_context_".utf8)
    private static let mask: JSONValue = "***"

    /// Whether what stands under this key is secret; a key of the context may have the prefix that it has on the wire.
    static func isSecret(_ key: String) -> Bool { isSecret(key: key.utf8) }

    /// The same for a key's bytes.
    static func isSecret(key bytes: some Sequence<UInt8>) -> Bool {
        let key = bytes.map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
            case UInt8(ascii: "-"): UInt8(ascii: "_")
            default: byte
            }
        }
        return words.contains { word in key.indices.contains { key[$0...].starts(with: word) } }
            || endings.contains { key.count >= $0.count && key.suffix($0.count).elementsEqual($0) }
            || keys.contains(key.starts(with: contextPrefix) ? Array(key[contextPrefix.count...]) : key)
    }

    /// The value with every secret in it masked; null and empty values show that there was none.
    static func masked(_ value: JSONValue) -> JSONValue {
        switch value {
        case .object(let object): .object(masked(object))
        case .array(let elements): .array(elements.map(masked))
        default: value
        }
    }

    static func masked(_ object: JSONObject) -> JSONObject {
        var result = JSONObject(minimumCapacity: object.count)
        // A row of metadata names its key in one field and holds the value in the next.
        let isSecretRow = object["key"]?.string.map(isSecret) ?? false
        for member in object.members {
            let isSecret = isSecret(member.key) || isSecretRow && member.key == "value"
            result.append(newKey: member.key, isSecret ? veiled(member.value) : masked(member.value))
        }
        return result
    }

    private static func veiled(_ value: JSONValue) -> JSONValue {
        switch value {
        case .null, .bool: value
        case .string(let text): text.isEmpty ? value : mask
        case .number: mask
        case .array(let elements): .array(elements.map { _ in mask })
        case .object(let object): .object(object.isEmpty ? object : ["masked": mask])
        }
    }
}
