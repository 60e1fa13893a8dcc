// SPDX-License-Identifier: Apache-2.0

internal import ComputeDriver
internal import ComputeManager

extension OptionTable {
    /// Options that nova does not have.
    static let workerOptions: [ConfigurationOption] = [
        worker(
            "image_directory", .path, default: "$state_path/images",
            "Directory of the images: <id> is the disk, <id>.json its metadata with Glance v2's keys."),
        worker(
            "network_api", .choice(NetworkAPI.allCases.map(\.rawValue)), default: "none",
            "Who gives instances their network: none (they have no interfaces), or rpc (nova-network, at network_topic)."
        ),
        worker(
            "volume_api", .choice(VolumeAPI.allCases.map(\.rawValue)), default: "none",
            "Who has the volumes: none, local (files of local_volumes_path), or rpc (nova-volume, at volume_topic)."),
        worker(
            "consoleauth", .choice(ConsoleAuth.allCases.map(\.rawValue)), default: "none",
            "Who forgets the console tokens of a deleted instance: none, or rpc (nova-consoleauth, at consoleauth_topic)."
        ),
        worker(
            "peer_message_format", .choice(PeerMessageFormat.allCases.map(\.rawValue)), default: "flat",
            "Form in which these services, and other computes, are asked: flat (Folsom's) or enveloped (today's)."),
        worker(
            "scheduler_reports", .choice(SchedulerReports.allCases.map(\.rawValue)), default: "none",
            "Tell all schedulers what the host has: none, or fanout (Folsom's, every periodic_interval)."),
        worker(
            "volume_host", .hostName,
            "Host whose nova-volume has the volumes, asked at volume.<host>; unset: any one that serves the topic."),
        worker(
            "local_volumes_path", .path, default: "$state_path/volumes",
            "Directory of the volumes for volume_api = local: <uuid> is a volume, raw, which the operator makes."),
        worker(
            "ignore_unsupported_arguments", .list(of: SpawnArgument.allCases.map(\.rawValue)), default: "",
            "Arguments of run_instance that are dropped with a warning, where the driver cannot honour them."),
        worker(
            "maximum_age", .ageLimits, default: "",
            "Seconds that a request may wait for its turn, by operation, as in run_instance:3600,default:7200; an older "
                + "one ends with an error event. `default` spares terminate_instance. Unset: no limit."),
        worker(
            "delete_retry_time", .integer(0...86400), default: "600",
            "Seconds that a delete waits in all, after growing pauses, while the hypervisor or another service fails it "
                + "for a reason that may pass; then its instance is in ERROR, with an error event. 0: not at all."),
        worker(
            "done_work_retention", .integer(60...31_536_000), default: "86400",
            "Seconds for which the journal remembers done casts, to recognise one that comes again."),
        worker(
            "done_work_rows", .integer(0...10_000_000), default: "20000",
            "Done casts that the journal remembers at most; the oldest makes room."),
        worker(
            "unroutable_notifications", .choice(RelayConfiguration.UnroutablePolicy.allCases.map(\.rawValue)),
            default: "drop",
            "What becomes of an event that no queue takes: drop (it is counted) or keep (it is tried again, and its "
                + "instance's next ones wait behind it)."),
        worker("call_slots", .integer(1...1024), default: "16", "Read-only calls that are answered at once."),
        worker(
            "intake_high_water", .integer(1 ... .max), default: "8192",
            "Unfinished casts in the journal at which consuming stops."),
        worker(
            "intake_low_water", .integer(0 ... .max), default: "4096",
            "Unfinished casts in the journal at which consuming goes on."),
        worker(
            "intake_buffer_bytes", .integer(65536 ... .max), default: "67108864",
            "Bytes of messages that are taken and not acknowledged at which reading pauses until half is."),
        worker(
            "maximum_message_size", .integer(4096...(512 << 20)), default: "4194304",
            "Bytes of the largest message that is taken; the head of a larger one goes to the dead letters."),
        worker(
            "dead_letter_max_length", .integer(1 ... .max), default: "1000",
            "Messages in compute.<host>.dead; the oldest makes room."),
        worker("dead_letter_ttl", .integer(1...31_536_000), default: "604800", "Seconds that a dead letter is kept."),
        worker(
            "fanout_queue", .choice(FanoutQueueForm.allCases.map(\.rawValue)), default: "exclusive",
            "Form of the fanout queue: exclusive (Folsom's: exclusive, auto-delete) or expiring (today's: x-expires)."),
        worker("confirm_window", .integer(1...65535), default: "256", "Events that may wait for the broker's confirm."),
        worker(
            "loopback_interval", .integer(0...86400), default: "20",
            "Seconds between messages to the own host that must come back through the broker; 0: none."),
        worker(
            "loopback_timeout", .integer(1...3600), default: "10",
            "Seconds for which one may be on its way; two that fail in a row condemn the connection."),
        worker("counters_file", .path, "Text file that the counters are written to; unset: none."),
        worker(
            "counters_interval", .integer(1...86400), default: "60", "Seconds between two tellings of the counters."),
        worker(
            "lanes_closed", .boolean, default: "false",
            "Journal and acknowledge casts and do not work on them: for measuring intake, never for service."),
    ]

    private static func worker(
        _ key: String, _ kind: OptionKind, default fallback: ConfigurationOption.Fallback = .nothing, _ help: String
    ) -> ConfigurationOption {
        ConfigurationOption("compute_worker", key, kind, default: fallback, help)
    }
}
