// SPDX-License-Identifier: Apache-2.0

internal import ComputeManager

extension UsageAuditPeriod {
    /// The period as nova's `instance_usage_audit_period` writes it: `month`, `day@6`, …; nil where the text is no
    /// period, or its offset lies outside the unit.
    init?(_ text: String) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let unit = Unit(rawValue: String(first)) else { return nil }
        guard parts.count == 2 else {
            self.init(unit)
            return
        }
        guard parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }), let offset = Int(parts[1]) else { return nil }
        let allowed =
            switch unit {
            case .hour: 0...59
            case .day: 0...23
            case .month: 1...31
            case .year: 1...12
            }
        guard allowed.contains(offset) else { return nil }
        self.init(unit, offset: offset)
    }
}
