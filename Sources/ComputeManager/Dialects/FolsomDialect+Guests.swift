// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

extension FolsomDialect {
    /// What a guest does and holds.
    static let guests: [any MethodBinding] = [
        Binding("pause_instance", since: first, PauseInstance.self, decode: instance),
        Binding("unpause_instance", since: first, UnpauseInstance.self, decode: instance),
        Binding("suspend_instance", since: first, SuspendInstance.self, decode: instance),
        Binding("resume_instance", since: first, ResumeInstance.self, decode: instance),
        Binding(
            "rescue_instance", since: first, RescueInstance.self,
            parameters: [.instance, Parameter("rescue_password", .string, isSecret: true)], decode: rescueInstance),
        Binding("unrescue_instance", since: first, UnrescueInstance.self, decode: instance),
        Binding(
            "snapshot_instance", since: first, SnapshotInstance.self,
            parameters: [
                .instance, Parameter("image_id", .string, isRequired: true), Parameter("image_type", .string),
                Parameter("backup_type", .string), Parameter("rotation", .integer),
            ], decode: snapshotInstance),
        Binding(
            "rebuild_instance", since: RPCVersion(2, 1), RebuildInstance.self,
            parameters: [
                .instance, Parameter("image_ref", .string, isRequired: true), Parameter("orig_image_ref", .string),
                Parameter("injected_files", .array, isSecret: true), Parameter("new_pass", .string, isSecret: true),
                Parameter("orig_sys_metadata", .object),
            ], decode: rebuildInstance),
        Binding(
            "set_admin_password", since: first, SetAdminPassword.self,
            parameters: [.instance, Parameter("new_pass", .string, isSecret: true)], decode: setAdminPassword),
        Binding(
            "inject_file", since: first, InjectFile.self,
            parameters: [
                .instance, Parameter("path", .string, isRequired: true),
                Parameter("file_contents", .string, isRequired: true, isSecret: true),
            ], decode: injectFile),
        Binding(
            "change_instance_metadata", since: first, ChangeInstanceMetadata.self,
            parameters: [.instance, Parameter("diff", .object, isRequired: true)], decode: changeInstanceMetadata),
    ]

    @Sendable
    private static func rescueInstance(_ reader: inout ArgumentReader) throws(ComputeFault) -> RescueInstance.Arguments
    {
        let password = try reader.string("rescue_password").flatMap { $0.isEmpty ? nil : Secret($0) }
        return RescueInstance.Arguments(instance: try reader.instance(), password: password)
    }

    @Sendable
    private static func snapshotInstance(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> SnapshotInstance.Arguments {
        let imageID = try reader.required("image_id")
        let type = try reader.string("image_type") ?? "snapshot"
        let backupType = try reader.string("backup_type")
        let rotation = try rotation(&reader)
        let kind: SnapshotInstance.Kind
        switch type {
        case "snapshot":
            // Nova: ImageRotationNotAllowed.
            guard rotation ?? 0 == 0 else { throw .invalid("Rotation is not allowed for snapshots") }
            kind = .snapshot
        case "backup":
            // Nova: RotationRequiredForBackup.
            guard let rotation else { throw .invalid("Rotation param is required for backup image_type") }
            guard let backupType, !backupType.isEmpty else {
                throw reader.fault("argument 'backup_type' is required for a backup")
            }
            kind = .backup(type: backupType, rotation: rotation)
        default: throw reader.fault("argument 'image_type' must be snapshot or backup")
        }
        return SnapshotInstance.Arguments(instance: try reader.instance(), imageID: imageID, kind: kind)
    }

    private static func rotation(_ reader: inout ArgumentReader) throws(ComputeFault) -> Int? {
        guard let value = reader.value("rotation") else { return nil }
        guard let number = value.int, number >= 0 else {
            throw reader.fault("argument 'rotation' must be a whole number from 0, or null")
        }
        return number
    }

    @Sendable
    private static func rebuildInstance(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> RebuildInstance.Arguments {
        RebuildInstance.Arguments(
            instance: try reader.instance(), imageRef: try reader.required("image_ref"),
            originalImageRef: try reader.string("orig_image_ref"), injectedFiles: try reader.injectedFiles(),
            newPassword: try reader.string("new_pass").flatMap { $0.isEmpty ? nil : Secret($0) },
            originalSystemMetadata: try reader.object("orig_sys_metadata"))
    }

    @Sendable
    private static func setAdminPassword(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> SetAdminPassword.Arguments {
        SetAdminPassword.Arguments(
            instance: try reader.instance(), password: try reader.string("new_pass").map { Secret($0) })
    }

    @Sendable
    private static func injectFile(_ reader: inout ArgumentReader) throws(ComputeFault) -> InjectFile.Arguments {
        let path = try reader.required("path")
        guard let contents = try reader.string("file_contents") else {
            throw reader.fault("missing required argument 'file_contents'")
        }
        return InjectFile.Arguments(
            instance: try reader.instance(), file: Secret(try reader.file(path, contents, "the file")))
    }

    @Sendable
    private static func changeInstanceMetadata(
        _ reader: inout ArgumentReader
    ) throws(ComputeFault) -> ChangeInstanceMetadata.Arguments {
        guard let diff = try reader.object("diff") else { throw reader.fault("missing required argument 'diff'") }
        var changes: [MetadataChange] = []
        for member in diff.members {
            let words = member.value.array?.map { $0.string ?? "" } ?? []
            if words == ["-"] {
                changes.append(.remove(key: member.key))
            } else if words.count == 2, words[0] == "+", let value = member.value.array?[1].string {
                changes.append(.set(key: member.key, value: value))
            } else {
                throw reader.fault("argument 'diff' must hold [\"+\", value] or [\"-\"] for each key")
            }
        }
        return ChangeInstanceMetadata.Arguments(instance: try reader.instance(), changes: changes)
    }
}
