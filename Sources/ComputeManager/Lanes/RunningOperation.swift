// SPDX-License-Identifier: Apache-2.0

public import ComputeModel
public import WorkerStore

/// A request that is being worked on.
public struct RunningOperation: Sendable, Hashable {
    public let id: JournalID
    /// The wire name of what was asked for.
    public let method: String
    public let instance: InstanceID?
    public let requestID: String?
    public let begunAt: Timestamp
    /// Whether an earlier run of the worker took it in.
    public let isResumed: Bool
    /// Whether it was told to end, by a cancel or a terminate.
    public let isEnding: Bool
    /// How far it is, in percent; nil where that is not known.
    public let progress: Int?

    public init(
        id: JournalID, method: String, instance: InstanceID?, requestID: String?, begunAt: Timestamp, isResumed: Bool,
        isEnding: Bool, progress: Int? = nil
    ) {
        self.id = id
        self.method = method
        self.instance = instance
        self.requestID = requestID
        self.begunAt = begunAt
        self.isResumed = isResumed
        self.isEnding = isEnding
        self.progress = progress
    }
}
