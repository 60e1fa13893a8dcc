// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel

/// What each driver can do, read off the drivers' types.
struct DriverListing {
    private let drivers: [any ComputeDriver.Type]
    private let realDrivers: [any ComputeDriver.Type]
    private let matrix: SupportMatrix

    /// - Parameter real: those of the drivers that stand before a hypervisor.
    init(_ drivers: [any ComputeDriver.Type], real: [any ComputeDriver.Type]) {
        self.drivers = drivers
        realDrivers = real
        matrix = SupportMatrix(drivers: drivers)
    }

    var output: DocumentOutput {
        DocumentOutput(text: text, json: JSONWriter.text(matrix.json), markdown: markdown)
    }

    private func entries(_ operation: DriverOperation) -> [SupportMatrix.Entry] {
        matrix.entries.filter { $0.operation == operation }
    }

    private var text: String {
        var table = TextTable(["OPERATION"] + matrix.drivers.map(\.rawValue) + ["WHAT IT IS"])
        for operation in DriverOperation.allCases {
            table.append([operation.rawValue] + entries(operation).map(\.support.rawValue) + [operation.summary])
        }
        let caveats = matrix.entries.compactMap { entry in
            entry.caveat.map { "\(entry.driver) \(entry.operation.rawValue): \($0)" }
        }
        return ([table.text] + (caveats.isEmpty ? [] : [""] + caveats)).joined(separator: "\n")
    }

    private var markdown: String {
        """
        # Drivers

        What each driver can do, as `compute-worker drivers --format markdown` prints it: read off the drivers' types,
        without connecting to anything. An operation that a driver's type lacks is refused before any side effect. Each
        driver's tests hold it to a scenario for every operation that it has (`Sources/DriverConformance`).

        | operation | \(matrix.drivers.map { "`\($0)`" }.joined(separator: " | ")) | what it is |
        |---|\(matrix.drivers.map { _ in "---|" }.joined())---|
        \(operationLines.joined(separator: "\n"))

        ## With a caveat

        \(caveatLines.isEmpty ? "None." : caveatLines.joined(separator: "\n"))

        ## What Folsom's drivers had

        The methods that nova's compute manager called of its drivers in the Folsom release, what stands in their place,
        and whether a driver of a real hypervisor has it today. Where none has what a driver of Folsom's had, or only a
        part, what is to bring it is named.

        | method | Folsom's drivers that had it | here | today |
        |---|---|---|---|
        \(folsomLines.joined(separator: "\n"))

        ## What comes

        \(PlannedWork.allCases.map(Self.section).joined(separator: "\n\n"))

        """
    }

    private static func section(_ work: PlannedWork) -> String {
        let operations = work.operations.map { "`\($0.rawValue)`" }.joined(separator: ", ")
        return "### \(work.rawValue)\n\n\(work.summary): \(operations)."
    }

    /// A link to what is to bring it, as Markdown makes the names of headings.
    private static func link(_ work: PlannedWork) -> String {
        let name = work.rawValue.lowercased().filter { $0 != ":" }.replacing(" ", with: "-")
        return "[\(work.rawValue)](#\(name))"
    }

    private var operationLines: [String] {
        DriverOperation.allCases.map { operation in
            let cells = entries(operation).map { entry in
                switch entry.support {
                case .complete: "yes"
                case .partial: "partly"
                case .missing: "–"
                }
            }
            return "| `\(operation.rawValue)` | \(cells.joined(separator: " | ")) | \(operation.summary) |"
        }
    }

    private var caveatLines: [String] {
        matrix.entries.compactMap { entry in
            guard entry.support == .partial else { return nil }
            return entry.caveat.map { "- `\(entry.driver)` `\(entry.operation.rawValue)`: \($0)" }
        }
    }

    private var folsomLines: [String] {
        FolsomMethod.all.map { method in
            let families = method.families.map(\.rawValue).joined(separator: ", ")
            let place =
                switch method.counterpart {
                case .operations(let operations): operations.map { "`\($0.rawValue)`" }.joined(separator: ", ")
                case .everyDriver(let words): words
                case .manager(let words): "the manager: \(words)"
                case .none(let reason): "none: \(reason)"
                }
            let standing =
                switch method.standing(among: realDrivers) {
                case .served(let services, let rest):
                    (services.map(Self.words) + (rest.isEmpty ? [] : ["the rest: \(Self.links(rest))"]))
                        .joined(separator: "; ")
                case .inherent: "every driver"
                case .unneeded: "not needed"
                case .planned(let works): "planned: \(Self.links(works))"
                case .absent: "nobody had it"
                }
            return "| `\(method.name)` | \(families.isEmpty ? "–" : families) | \(place) | \(standing) |"
        }
    }

    private static func links(_ works: [PlannedWork]) -> String { works.map(link).joined(separator: ", ") }

    private static func words(_ service: FolsomMethod.Service) -> String {
        service.caveat.map { "partly `\(service.driver)`: \($0)" } ?? "`\(service.driver)`"
    }
}
