// SPDX-License-Identifier: Apache-2.0

/// How much happens in one history.
public struct SimulationSize: Sendable, Hashable {
    /// The most wishes of clients.
    public var wishes: Int
    /// The most instances that they are about.
    public var instances: Int

    public init(wishes: Int = 18, instances: Int = 3) {
        self.wishes = max(1, wishes)
        self.instances = max(1, instances)
    }

    /// For a test that has a minute for some thousands of histories.
    public static let small = SimulationSize(wishes: 6, instances: 2)
}
