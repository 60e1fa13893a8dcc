// SPDX-License-Identifier: Apache-2.0

/// What a command prints: once for people, once for programs.
public struct ToolOutput: Sendable {
    /// Lines for people, without the last line end.
    public let text: String
    /// One JSON document on one line.
    public let json: String

    init(text: String, json: String) {
        self.text = text
        self.json = json
    }
}

/// What a command prints that is kept in docs/ too.
public struct DocumentOutput: Sendable {
    /// Lines for people, without the last line end.
    public let text: String
    /// One JSON document on one line.
    public let json: String
    /// A whole page of Markdown.
    public let markdown: String
}
