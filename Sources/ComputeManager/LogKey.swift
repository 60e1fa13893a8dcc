// SPDX-License-Identifier: Apache-2.0

/// The keys of the manager's log metadata.
enum LogKey {
    static let instance = "instance.uuid"
    static let request = "request.id"
    static let user = "user.id"
    static let project = "project.id"
    static let method = "rpc.method"
    static let peer = "peer"
    static let operation = "driver.operation"
    static let entry = "journal.id"
    static let step = "operation.step"
    static let fault = "error.kind"
    static let error = "error"
    static let outcome = "operation.outcome"
    static let seconds = "operation.seconds"
    static let argument = "spawn.argument"
}
