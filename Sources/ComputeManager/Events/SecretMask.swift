// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// Takes the secrets out of a value that is to be told to others; the shape stays.
enum SecretMask {
    /// Keys whose values are secret wherever they stand, in lower case.
    private static let keys: Set<String> = [
        "admin_password", "admin_pass", "adminpass", "password", "new_pass", "rescue_password", "auth_token", "token",
        "injected_files", "file_contents", "personality", "user_data", "key_data", "connection_info",
        "service_catalog", "auth_password", "secret", "private_key", "slave_info",
    ]
    private static let mask: JSONValue = "***"

    /// Whether what stands under this key is secret; a key of the context may have the prefix that it has on the wire.
    static func isSecret(_ key: String) -> Bool {
        let key = key.lowercased()
        return keys.contains(key.hasPrefix("_context_") ? String(key.dropFirst("_context_".count)) : key)
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
