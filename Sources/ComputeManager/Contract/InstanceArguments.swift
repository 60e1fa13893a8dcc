// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel

/// The arguments of an operation that is told nothing but the instance.
struct InstanceArguments: Sendable {
    let instance: Instance
}
