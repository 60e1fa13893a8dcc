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

    /// - Parameters:
    ///   - isStopping: asked between attempts.
    ///   - wait: sleeps, and returns early when there is something to stop for.
    ///   - serve: works on a session until it should end (returns) or is lost (throws).
    func run(
        isStopping: () -> Bool, wait: (Duration) -> Void, serve: (BrokerSession) throws(BrokerError) -> Void
    ) {
        var generator = SystemRandomNumberGenerator()
        var plan = ReconnectPlan(configuration.reconnect, endpoints: configuration.endpoints.count)
        while !isStopping() {
            let endpoint = configuration.endpoints[plan.index]
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
                let delay = plan.failed(
                    error, afterLifeOf: states.current.isUp ? .now - began : nil, using: &generator, logger: logger)
                reconnects.increment()
                states.send(.lost(error, retryIn: delay))
                let end = ContinuousClock.now + delay
                while !isStopping(), .now < end { wait(end - .now) }
            }
        }
        states.send(.closed)
    }
}
