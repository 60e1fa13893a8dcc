// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Logging

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

extension Logger {
    /// The same logger with whose request its lines are about, as far as that is known; for what is seldom told.
    func about(_ context: RequestContext?, _ instance: InstanceID?, requestID: String? = nil) -> Logger {
        var logger = self
        logger[metadataKey: LogKey.instance] = instance.map { .string($0.description) }
        logger[metadataKey: LogKey.request] = (context?.requestID ?? requestID).map { .string($0) }
        logger[metadataKey: LogKey.user] = context?.userID.map { .string($0) }
        logger[metadataKey: LogKey.project] = context?.projectID.map { .string($0) }
        return logger
    }
}
