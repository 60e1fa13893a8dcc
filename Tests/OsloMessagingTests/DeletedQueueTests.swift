// SPDX-License-Identifier: Apache-2.0

import AMQP
import ComputeModel
import OsloMessaging
import Testing

@Suite("No event is missing when its queue is deleted in mid-life", .timeLimit(.minutes(2)))
struct DeletedQueueTests {
    private func events(_ place: Place, _ count: Int) -> [EncodedMessage] {
        let encoder = NotificationEncoder(
            exchange: place.topology.options.controlExchange, topics: place.topology.notificationTopics,
            forms: [.messagingV2])
        return (0..<count).flatMap { number in
            encoder.encode(
                Notification(
                    messageID: RandomIdentifiers().next(), publisherID: "compute.a", eventType: "e.\(number)",
                    priority: .info, timestamp: Timestamp(microseconds: 1), payload: [:], context: .test))
        }
    }

    @Test("events after the deletion arrive in the queue that is declared anew, one by one and in a burst")
    func deletedQueue() async throws {
        let place = try await Place { $0.isAutoDelete = false }
        let publisher = place.publisher()
        let queue = "\(place.topology.notificationTopics[0]).info"
        let consumer = Consumer(configuration: place.configuration, logger: quiet) {
            [Subscription(queue: place.topology.topicQueue(queue))]
        }
        try await with(publisher) {
            for message in events(place, 1) { try await publisher.publish(message) }
            try await SharedBroker.delete(queue: queue)
            for message in events(place, 1) { try await publisher.publish(message) }
            #expect(publisher.statistics.returned == 1)
            try await SharedBroker.delete(queue: queue)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for message in events(place, 40) { group.addTask { try await publisher.publish(message) } }
                try await group.waitForAll()
            }
            #expect(publisher.statistics.connections == 1)
            try await with(consumer) {
                var count = 0
                while count < 40 {
                    let batch = try #require(await consumer.nextBatch())
                    consumer.acknowledge(batch.map(\.tag))
                    count += batch.count
                }
                #expect(count == 40)
            }
        }
        try await SharedBroker.delete(queue: queue)
    }
}
