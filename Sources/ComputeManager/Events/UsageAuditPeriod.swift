// SPDX-License-Identifier: Apache-2.0

public import ComputeModel

/// The period over which usage is told, nova's `instance_usage_audit_period`.
public struct UsageAuditPeriod: Sendable, Hashable {
    public enum Unit: String, Sendable, Hashable, CaseIterable {
        case hour, day, month, year
    }

    public let unit: Unit
    /// Where the period begins: the minute of an hour, the hour of a day, the day of a month, the month of a year.
    public let offset: Int

    /// - Parameter offset: nil for the unit's own beginning.
    public init(_ unit: Unit, offset: Int? = nil) {
        self.unit = unit
        let least = unit == .month || unit == .year ? 1 : 0
        self.offset = max(least, offset ?? least)
    }

    /// When the period that holds `moment` began: the last boundary that is not later.
    public func beginning(of moment: Timestamp) -> Timestamp {
        let (year, month, day) = moment.date
        let midnight = Timestamp(year: year, month: month, day: day)
        switch unit {
        case .hour:
            let hours = (moment.microseconds - midnight.microseconds) / 3_600_000_000
            let boundary = midnight.advanced(bySeconds: hours * 3600 + Int64(offset) * 60)
            return boundary <= moment ? boundary : boundary.advanced(bySeconds: -3600)
        case .day:
            let boundary = midnight.advanced(bySeconds: Int64(offset) * 3600)
            return boundary <= moment ? boundary : boundary.advanced(bySeconds: -86_400)
        case .month:
            let boundary = Self.day(offset, ofMonth: month, year: year)
            if boundary <= moment { return boundary }
            return month == 1
                ? Self.day(offset, ofMonth: 12, year: year - 1) : Self.day(offset, ofMonth: month - 1, year: year)
        case .year:
            let boundary = Timestamp(year: year, month: offset, day: 1)
            return boundary <= moment ? boundary : Timestamp(year: year - 1, month: offset, day: 1)
        }
    }

    /// A day of a month, or the month's last day where the month is shorter.
    private static func day(_ day: Int, ofMonth month: Int, year: Int) -> Timestamp {
        let next =
            month == 12 ? Timestamp(year: year + 1, month: 1, day: 1) : Timestamp(year: year, month: month + 1, day: 1)
        let last = next.advanced(bySeconds: -86_400).date.day
        return Timestamp(year: year, month: month, day: min(day, last))
    }
}
