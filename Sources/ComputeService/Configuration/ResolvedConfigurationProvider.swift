// SPDX-License-Identifier: Apache-2.0

internal import Configuration

/// The resolved settings, as swift-configuration's readers read them.
///
/// A lookup's encoded key carries the spelling and the place of the value: an access report names file and line.
struct ResolvedConfigurationProvider: ConfigProvider, ConfigSnapshot {
    let providerName = "nova.conf"
    private let settings: [OptionName: ResolvedConfiguration.Setting]

    init(_ configuration: ResolvedConfiguration) {
        settings = Dictionary(uniqueKeysWithValues: configuration.settings.map { ($0.option.name, $0) })
    }

    /// A key of two components is a group's; one alone belongs to DEFAULT.
    static func name(of key: AbsoluteConfigKey) -> OptionName? {
        switch key.components.count {
        case 1: OptionName(OptionName.defaultGroup, key.components[0])
        case 2: OptionName(key.components[0], key.components[1])
        default: nil
        }
    }

    func value(forKey key: AbsoluteConfigKey, type: ConfigType) throws -> LookupResult {
        guard let name = Self.name(of: key), let setting = settings[name] else {
            return LookupResult(encodedKey: key.description, value: nil)
        }
        return LookupResult(
            encodedKey: "\(setting.spelling) (\(setting.origin))",
            value: setting.content.map { ConfigValue($0, isSecret: setting.isSecret) })
    }

    nonisolated(nonsending) func fetchValue(forKey key: AbsoluteConfigKey, type: ConfigType) async throws
        -> LookupResult
    {
        try value(forKey: key, type: type)
    }

    nonisolated(nonsending) func watchValue<Return: ~Copyable>(
        forKey key: AbsoluteConfigKey,
        type: ConfigType,
        updatesHandler:
            nonisolated(nonsending) (ConfigUpdatesAsyncSequence<Result<LookupResult, any Error>, Never>) async throws ->
            Return
    ) async throws -> Return {
        try await watchValueFromValue(forKey: key, type: type, updatesHandler: updatesHandler)
    }

    func snapshot() -> any ConfigSnapshot { self }

    nonisolated(nonsending) func watchSnapshot<Return: ~Copyable>(
        updatesHandler:
            nonisolated(nonsending) (ConfigUpdatesAsyncSequence<any ConfigSnapshot, Never>) async throws -> Return
    ) async throws -> Return {
        try await watchSnapshotFromSnapshot(updatesHandler: updatesHandler)
    }
}
