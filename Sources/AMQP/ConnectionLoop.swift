// SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import Metrics

/// Connects to the brokers in turn, for ever, with a growing random wait after each failed round.
///
/// Runs on the connection's own thread.
struct ConnectionLoop {
    let configuration: BrokerConfiguration
    let logger: Logger
    let states: StateBroadcaster
    let owner: any SessionOwner
    let reconnects: Counter

    /// A connection that lived this long begins the back-off anew when it goes.
    private static let settledAfter = Duration.seconds(10)

    /// - Parameters:
    ///   - isStopping: asked between attempts.
    ///   - wait: sleeps, and returns early when there is something to stop for.
    ///   - serve: works on a session until it should end (returns) or is lost (throws).
    func run(
        isStopping: () -> Bool, wait: (Duration) -> Void, serve: (BrokerSession) throws(BrokerError) -> Void
    ) {
        var generator = SystemRandomNumberGenerator()
        var index = 0
        var failures = 0
        var lastCode: BrokerError.Code?
        while !isStopping() {
            let endpoint = configuration.endpoints[index]
            states.send(.connecting(endpoint.address))
            let began = ContinuousClock.now
            do throws(BrokerError) {
                let session = try BrokerSession(
                    endpoint: endpoint, configuration: configuration, owner: owner, logger: logger)
                try serve(session)
                session.close()
                break
            } catch {
                if isStopping() { break }
                if states.current.isUp, .now - began > Self.settledAfter { failures = 0 }
                failures += 1
                index = (index + 1) % configuration.endpoints.count
                let (rounds, position) = failures.quotientAndRemainder(dividingBy: configuration.endpoints.count)
                // The next broker of a round is tried at once.
                let delay =
                    position == 0
                    ? configuration.reconnect.delay(
                        afterRounds: rounds, error: error, using: &generator)
                    : .zero
                reconnects.increment()
                // A lock is asked for often, and says the same each time.
                let isRepeated = error.code == .queueLocked && lastCode == .queueLocked
                lastCode = error.code
                logger.log(
                    level: error.needsConfiguration ? .error : isRepeated ? .debug : .notice,
                    "no connection to the broker",
                    metadata: ["error.code": "\(error.code.rawValue)", "error": "\(error)", "retry.in": "\(delay)"])
                states.send(.lost(error, retryIn: delay))
                let end = ContinuousClock.now + delay
                while !isStopping(), .now < end { wait(end - .now) }
            }
        }
        states.send(.closed)
    }
}
