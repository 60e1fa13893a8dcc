// SPDX-License-Identifier: Apache-2.0

/// What became of an operator's wish to give a request up.
public enum CancelOutcome: Sendable, Hashable {
    /// It waited, and was ended: its error event is told, and its caller, if any, is answered.
    case ended
    /// It was begun and is asked to stop: it undoes itself if it still can, else goes on to its end. The wish is written
    /// down, so that no restart begins it again.
    case interrupting
    /// It can't be given up any more, for the reason in words.
    case notCancellable(String)
    /// The journal has no such request.
    case unknown
}
