// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#endif

/// A moment in UTC with microseconds, in the two spellings of the wire.
public struct Timestamp: Hashable, Sendable, Comparable {
    /// Microseconds since 1970-01-01T00:00:00Z.
    public let microseconds: Int64

    public init(microseconds: Int64) { self.microseconds = microseconds }

    /// `2012-11-20T08:15:30.123456`: the form of `strtime`, which both eras of clients parse.
    public var iso: String { text(separator: "T") }

    /// `2012-11-20 08:15:30.123456`: the form of a notification's own `timestamp`.
    public var spaced: String { text(separator: " ") }

    /// Parses either spelling, with or without a fraction or a trailing `Z`; nil for anything else.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        func number(_ range: Range<Int>) -> Int64? {
            guard range.upperBound <= bytes.count else { return nil }
            var value: Int64 = 0
            for byte in bytes[range] {
                guard byte >= 0x30, byte <= 0x39 else { return nil }
                value = value * 10 + Int64(byte - 0x30)
            }
            return value
        }
        guard bytes.count >= 19, bytes[4] == 0x2D, bytes[7] == 0x2D, bytes[10] == 0x54 || bytes[10] == 0x20,
            bytes[13] == 0x3A, bytes[16] == 0x3A,
            let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19),
            (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 60
        else { return nil }
        var fraction: Int64 = 0
        var rest = bytes[19...]
        if rest.last == 0x5A { rest.removeLast() }
        if let point = rest.first {
            guard point == 0x2E, (2...7).contains(rest.count), let digits = number(20..<rest.endIndex) else {
                return nil
            }
            fraction = digits
            for _ in rest.count..<7 { fraction *= 10 }
        }
        let days = Self.days(year: year, month: month, day: day)
        let midnight = Timestamp(microseconds: days * 86_400_000_000)
        // A day that its month does not have falls into the next one.
        guard midnight.date.day == Int(day) else { return nil }
        microseconds = ((days * 24 + hour) * 60 + minute) * 60_000_000 + second * 1_000_000 + fraction
    }

    /// Midnight at the beginning of a day; month and day count from 1.
    public init(year: Int, month: Int, day: Int) {
        microseconds = Self.days(year: Int64(year), month: Int64(month), day: Int64(day)) * 86_400_000_000
    }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.microseconds < right.microseconds }

    /// The moment `seconds` later.
    public func advanced(bySeconds seconds: Int64) -> Timestamp {
        Timestamp(microseconds: microseconds + seconds * 1_000_000)
    }

    /// Year, month and day of the moment.
    public var date: (year: Int, month: Int, day: Int) {
        // Days are counted in eras of 400 years that begin on the first of March, which puts the leap day at the end.
        let shifted = Self.floorDivide(microseconds, 86_400_000_000) + 719_468
        let era = Self.floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        return (Int(yearOfEra + era * 400 + (month <= 2 ? 1 : 0)), Int(month), Int(day))
    }

    private static func days(year: Int64, month: Int64, day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = floorDivide(year, 400)
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func floorDivide(_ value: Int64, _ divisor: Int64) -> Int64 {
        value >= 0 ? value / divisor : -((-value + divisor - 1) / divisor)
    }

    private func text(separator: Unicode.Scalar) -> String {
        let (year, month, day) = date
        let time = microseconds - Self.floorDivide(microseconds, 86_400_000_000) * 86_400_000_000
        let seconds = Int(time / 1_000_000)
        // A year outside of four digits can't come from a text and is written as the wire's readers can read it.
        let parts = (min(max(year, 0), 9999), seconds / 3600, seconds / 60 % 60, seconds % 60, Int(time % 1_000_000))
        return String(unsafeUninitializedCapacity: 26) { buffer in
            var position = 0
            func write(_ value: Int, _ width: Int, then mark: UInt8?) {
                var rest = value
                for place in stride(from: position + width - 1, through: position, by: -1) {
                    buffer[place] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                }
                position += width
                guard let mark else { return }
                buffer[position] = mark
                position += 1
            }
            write(parts.0, 4, then: UInt8(ascii: "-"))
            write(month, 2, then: UInt8(ascii: "-"))
            write(day, 2, then: UInt8(truncatingIfNeeded: separator.value))
            write(parts.1, 2, then: UInt8(ascii: ":"))
            write(parts.2, 2, then: UInt8(ascii: ":"))
            write(parts.3, 2, then: UInt8(ascii: "."))
            write(parts.4, 6, then: nil)
            return position
        }
    }
}

/// Where the time of day comes from: a parameter, so that a simulated history repeats.
public protocol WallClock: Sendable {
    /// The present moment.
    func now() -> Timestamp
}

/// The operating system's clock.
public struct SystemWallClock: WallClock {
    public init() {}

    public func now() -> Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
    }
}
