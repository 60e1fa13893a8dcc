// SPDX-License-Identifier: Apache-2.0

@testable import ComputeManager
import ComputeModel
import Testing
import WorkerStore

@Suite("Which events are made")
struct EventFactoryTests {
    private let context = RequestContext(fields: ["request_id": "req-1", "auth_token": "CANARY"])

    private func factory(_ updates: UpdateNotifications) -> EventFactory {
        EventFactory(
            host: "compute1",
            payload: InstancePayload(glanceURL: "http://g:9292", auditPeriod: UsageAuditPeriod(.month)),
            updates: updates, clock: SystemWallClock(),
                time: SteadyTime(SystemWallClock(), beside: ContinuousClock()), identifiers: RandomIdentifiers())
    }

    private func update(
        _ updates: UpdateNotifications, _ change: (inout Instance) -> Void
    ) throws -> ComputeModel.Notification? {
        let old = try Instance(fields: Requests.instance)
        var new = old
        change(&new)
        let row = StoredInstance(instance: new, updatedAt: Timestamp(microseconds: 0))
        return factory(updates).updateEvent(from: old, to: row, context: context)
    }

    @Test("Writes are not told unless an operator asks for it")
    func off() throws {
        #expect(try update(UpdateNotifications()) { $0.vmState = .active } == nil)
    }

    @Test(
        "A change of the vm state is told with the old states",
        arguments: [
            UpdateNotifications(onStateChange: .vmState), UpdateNotifications(onStateChange: .vmAndTaskState),
            UpdateNotifications(onAnyChange: true),
        ])
    func vmState(_ updates: UpdateNotifications) throws {
        let event = try #require(try update(updates) { $0.vmState = .active })
        #expect(event.eventType == "compute.instance.update")
        #expect(event.publisherID == "compute.compute1")
        #expect(event.payload["old_state"] == "building")
        #expect(event.payload["state"] == "active")
        #expect(event.payload["old_task_state"] == "scheduling")
        #expect(event.payload["new_task_state"] == "scheduling")
    }

    @Test(
        "A change of the task is told with the old states only where tasks are watched",
        arguments: [
            (UpdateNotifications(onStateChange: .vmState), JSONValue.null),
            (UpdateNotifications(onStateChange: .vmAndTaskState), JSONValue.string("building")),
            (UpdateNotifications(onAnyChange: true), JSONValue.null),
        ])
    func task(_ updates: UpdateNotifications, _ old: JSONValue) throws {
        let event = try #require(try update(updates) { $0.taskState = .networking })
        #expect(event.payload["old_state"] == old)
        #expect(event.payload["new_task_state"] == "networking")
    }

    @Test("No event holds the token")
    func token() throws {
        let event = try #require(try update(UpdateNotifications(onAnyChange: true)) { $0.host = "compute1" })
        #expect(event.context.fields["auth_token"] == .null)
        #expect(event.context.requestID == "req-1")
    }

    @Test(
        "A key that says that it holds a secret is believed",
        arguments: [
            "passwd", "graphics_password", "connection_password", "root_password", "auth_secret", "chap_secret",
            "secret_key", "api_key", "credentials", "x_auth_token", "X-Auth-Token", "encryption_key", "db_pass",
            "_context_auth_token", "_context_service_catalog", "sshPassphrase",
        ])
    func secretKey(_ key: String) {
        #expect(SecretMask.masked([key: "CANARY"]) == [key: "***"])
    }

    @Test(
        "A key that programs need is left as it is",
        arguments: [
            "key_name", "key", "request_id", "_context_request_id", "keypairs", "monkey", "passthrough_url", "bypass",
            "image_ref", "block_device_mapping", "project_id", "resource_type",
        ])
    func plainKey(_ key: String) {
        #expect(SecretMask.masked([key: "value"]) == [key: "value"])
    }

    @Test("Secrets are masked wherever they stand; that there was none shows")
    func mask() {
        let masked = SecretMask.masked(
            .object([
                "admin_password": "CANARY", "injected_files": [["/a", "CANARY"]], "user_data": nil, "new_pass": "",
                "deep": [["instance_properties": ["User_Data": "CANARY", "connection_info": ["password": "CANARY"]]]],
                "display_name": "web-1", "vcpus": 1,
                "metadata": [["key": "Password", "value": "CANARY", "id": 3], ["key": "role", "value": "db"]],
            ]))
        #expect(!JSONWriter.text(masked).contains("CANARY"))
        #expect(masked["admin_password"] == "***")
        #expect(masked["injected_files"] == ["***"])
        #expect(masked["user_data"] == .null)
        #expect(masked["new_pass"] == "")
        #expect(masked["display_name"] == "web-1")
        #expect(masked["vcpus"] == 1)
        #expect(
            masked["metadata"] == [["key": "Password", "value": "***", "id": 3], ["key": "role", "value": "db"]])
    }
}
