// SPDX-License-Identifier: Apache-2.0

/// Every operation there is; nothing else keeps a list.
public enum OperationTable {
    public static let all: [any ComputeOperation.Type] = [
        RunInstance.self, RebootInstance.self, TerminateInstance.self, StartInstance.self, StopInstance.self,
        PowerOnInstance.self, PowerOffInstance.self, GetConsoleOutput.self, GetHostUptime.self,
    ]

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// The operation of that stable name; nil where another version of the worker wrote the name.
    public static func operation(_ name: OperationName) -> (any ComputeOperation.Type)? { byName[name] }
}
