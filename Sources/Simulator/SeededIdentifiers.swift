// SPDX-License-Identifier: Apache-2.0

internal import ComputeModel
internal import Synchronization

/// Fresh ids that a seed decides.
final class SeededIdentifiers: IdentifierSource {
    private let generator: Mutex<SeededGenerator>

    init(seed: UInt64) { generator = Mutex(SeededGenerator(seed: seed, stream: 7)) }

    func next() -> UniqueBits {
        generator.withLock { generator in
            UniqueBits(
                high: generator.next() & 0xFFFF_FFFF_FFFF_0FFF | 0x4000,
                low: generator.next() & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000)
        }
    }
}
