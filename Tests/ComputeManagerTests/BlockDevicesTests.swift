// SPDX-License-Identifier: Apache-2.0

import ComputeDriver
import ComputeModel
import Testing
import WorkerStore

@testable import ComputeManager

@Suite("The volumes of an instance")
struct BlockDevicesTests {
    private func row() throws -> StoredInstance {
        let instance = try Instance(fields: ["uuid": "0a0a0a0a-0000-4000-8000-00000000000a"])
        return StoredInstance(instance: instance, updatedAt: Timestamp(microseconds: 0))
    }

    @Test("what is written to the row is read from it, in its order")
    func roundTrip() throws {
        var row = try row()
        var devices = BlockDevices(row)
        #expect(devices.elements.isEmpty)
        devices.elements.append(BlockDevices.Element(deviceName: "/dev/vdb", state: .reserved))
        devices["v1"] = BlockDevices.Element(
            volumeID: "v1", deviceName: "/dev/vdc", connection: Secret(["driver_volume_type": "local"]),
            isDeletedOnTermination: true, state: .attached)
        devices.write(to: &row)

        let read = BlockDevices(row)
        #expect(read.elements.map(\.deviceName) == ["/dev/vdb", "/dev/vdc"])
        #expect(read.elements.map(\.state) == [.reserved, .attached])
        #expect(read.holds(deviceName: "/dev/vdb") && !read.holds(deviceName: "/dev/vdd"))
        #expect(read["v1"]?.connection?.reveal() == ["driver_volume_type": "local"])
        #expect(read.devices.map(\.volumeID) == ["v1"], "a reservation is nothing to a driver")
        #expect(read.devices.first?.isDeletedOnTermination == true)
        #expect(row.guest.blockDevices.count == 1)
    }

    @Test("an instance without volumes keeps nothing of them")
    func nothing() throws {
        var row = try row()
        var devices = BlockDevices(row)
        devices["v1"] = BlockDevices.Element(volumeID: "v1", deviceName: "/dev/vdb", state: .attaching)
        devices.write(to: &row)
        devices["v1"] = nil
        devices.write(to: &row)
        #expect(row.details.isEmpty)
    }

    @Test("a connection's password is not printed with its element")
    func secrets() {
        let element = BlockDevices.Element(
            volumeID: "v1", deviceName: "/dev/vdb", connection: Secret(["auth_password": "hidden-one"]),
            state: .attached)
        #expect(!"\(element)".contains("hidden-one"))
        #expect(!String(reflecting: element).contains("hidden-one"))
    }
}
