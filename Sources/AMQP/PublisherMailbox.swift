// SPDX-License-Identifier: Apache-2.0

/// What passes between the users of a publisher and its thread.
struct PublisherMailbox: Sendable {
    var submitted: [Submission] = []
    var isStopping = false
    /// Why the connection is to be made anew.
    var renewal: String?
    /// Nothing is taken any more.
    var isClosed = false
    var hasRun = false
}
