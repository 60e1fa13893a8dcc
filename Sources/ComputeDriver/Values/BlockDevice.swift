// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// A volume and the place in a guest where it is plugged in.
public struct BlockDevice: Sendable {
    public let volumeID: String
    /// `/dev/vdb`.
    public let deviceName: String
    /// Nova's `connection_info`: how this host reaches the volume, passwords included.
    public let connection: Secret<JSONObject>
    /// Whether the volume goes with the instance.
    public let isDeletedOnTermination: Bool

    public init(
        volumeID: String, deviceName: String, connection: Secret<JSONObject>, isDeletedOnTermination: Bool = false
    ) {
        self.volumeID = volumeID
        self.deviceName = deviceName
        self.connection = connection
        self.isDeletedOnTermination = isDeletedOnTermination
    }
}
