// SPDX-License-Identifier: Apache-2.0

import ComputeModel
import Testing

@Suite("Timestamps are read and written in both spellings of the wire")
struct TimestampTests {
    @Test(
        "known moments",
        arguments: [
            ("1970-01-01T00:00:00.000000", 0), ("2012-11-20T08:15:30.123456", 1_353_399_330_123_456),
            ("2000-02-29T23:59:59.999999", 951_868_799_999_999), ("1969-12-31T23:59:59.999999", -1),
            ("2100-03-01T00:00:00.000000", 4_107_542_400_000_000),
            ("0001-01-01T00:00:00.000000", -62_135_596_800_000_000),
        ] as [(String, Int64)])
    func known(text: String, microseconds: Int64) throws {
        let moment = Timestamp(microseconds: microseconds)
        #expect(moment.iso == text)
        #expect(try #require(Timestamp(text)) == moment)
        #expect(moment.spaced == text.replacing("T", with: " "))
        #expect(Timestamp(moment.spaced) == moment)
    }

    @Test("a fraction of any length, a missing one and a Z are read")
    func lenient() {
        let whole = Timestamp("2012-11-20 08:15:30")
        #expect(whole == Timestamp("2012-11-20T08:15:30.000000"))
        #expect(whole == Timestamp("2012-11-20T08:15:30Z"))
        #expect(Timestamp("2012-11-20T08:15:30.5Z") == Timestamp("2012-11-20T08:15:30.500000"))
        #expect(Timestamp("2012-11-20T08:15:30.000001")?.microseconds == (whole?.microseconds ?? 0) + 1)
    }

    @Test(
        "what is no moment is refused",
        arguments: [
            "", "2012-11-20", "2012-11-20X08:15:30", "2012-13-20T08:15:30", "2012-00-20T08:15:30",
            "2012-02-30T08:15:30",
            "2013-02-29T08:15:30", "2012-11-31T08:15:30", "2012-11-20T24:15:30", "2012-11-20T08:60:30",
            "2012-11-20T08:15:61", "2012-11-20T08:15:30.", "2012-11-20T08:15:30.1234567", "2012-11-20T08:15:30+01:00",
            "2012-11-20T08:15:3O", "２012-11-20T08:15:30",
        ])
    func refuses(text: String) {
        #expect(Timestamp(text) == nil)
    }

    @Test("any moment of four-digit years survives the way out and back", arguments: 0..<20 as Range<UInt64>)
    func roundTrip(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        for _ in 0..<500 {
            let moment = Timestamp(
                microseconds: Int64.random(in: -62_135_596_800_000_000...253_402_300_799_999_999, using: &generator))
            #expect(Timestamp(moment.iso) == moment)
            #expect(Timestamp(moment.spaced) == moment)
            let (year, month, day) = moment.date
            let midnight = Timestamp(year: year, month: month, day: day)
            #expect(midnight <= moment && moment < midnight.advanced(bySeconds: 86_400))
        }
    }
}
