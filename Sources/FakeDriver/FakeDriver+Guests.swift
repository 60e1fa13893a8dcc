// SPDX-License-Identifier: Apache-2.0

public import ComputeDriver
public import ComputeModel

extension FakeDriver: PasswordSettingDriver {
    public func setAdminPassword(_ password: Secret<String>, of instance: Instance) async throws {
        try await perform(.setAdminPassword, on: instance.id) { state throws(ComputeFault) in
            _ = try state.runningGuest(instance.id, to: "have its password set")
            try state.change(instance.id) { $0.adminPassword = password }
        }
    }
}

extension FakeDriver: FileInjectingDriver {
    public func injectFile(_ file: Secret<InjectedFile>, into instance: Instance) async throws {
        try await perform(.injectFile, on: instance.id) { state throws(ComputeFault) in
            _ = try state.runningGuest(instance.id, to: "take a file")
            try state.change(instance.id) { guest in
                let new = file.reveal()
                guest.files = guest.files.map { files in files.filter { $0.path != new.path } + [new] }
            }
        }
    }
}

extension FakeDriver: MetadataChangingDriver {
    public func changeMetadata(of instance: Instance, _ changes: [MetadataChange]) async throws {
        try await perform(.changeMetadata, on: instance.id) { state throws(ComputeFault) in
            try state.change(instance.id) { guest in
                for change in changes {
                    switch change {
                    case .set(let key, let value): guest.metadata[key] = value
                    case .remove(let key): guest.metadata[key] = nil
                    }
                }
            }
        }
    }
}
