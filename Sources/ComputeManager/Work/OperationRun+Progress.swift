// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeModel
internal import Logging
internal import WorkerStore

extension OperationRun {
    /// Tells who lists what runs of each tenth of a long way, and the log at times.
    var progress: ProgressReporter {
        ProgressReporter { [services, entry, token, request] progress in
            // Begin and end have lines of their own.
            guard let percent = token.progress.news(progress, at: services.events.time.elapsed()),
                (1..<100).contains(percent)
            else { return }
            services.logger.info(
                "an operation goes on",
                metadata: [
                    LogKey.method: .string(entry.method), "progress": .string("\(percent) %"),
                    LogKey.instance: .string(entry.instance?.description ?? "-"),
                    LogKey.request: .string(request.context.requestID ?? "-"),
                ])
        }
    }
}
