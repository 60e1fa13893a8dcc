// SPDX-License-Identifier: Apache-2.0
//
// Sees from outside how far a queue is: the same eye for both sides of a comparison.
//
//   watch --url URL --queue Q [--pid P] [--interval-ms 5] [--patience 60] [--declare]
//         (--at-most N | --at-least N | --consumers N)...
//
// Asks the broker for the queue (queue.declare, passive) over a connection of its own until the first condition holds,
// then the second, and so on: at most or at least N messages are ready, at least N consumers are there. Prints a line
// of JSON for each as it comes true: the monotonic clock, both counts, and with --pid the CPU seconds that the process
// has used. The first line says {"watching": true}. Fails when nothing has changed for --patience seconds, when the
// process ends before its time, and for a queue that does not exist; --declare makes it (durable) first. Without a
// condition the counts are printed once.
#define _GNU_SOURCE
#include "common.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct {
    enum { AT_MOST, AT_LEAST, CONSUMERS } kind;
    long number;
} Condition;

static void report(const amqp_queue_declare_ok_t *counts, long pid) {
    printf("{\"time\": %.6f, \"ready\": %u, \"consumers\": %u", monotonic_seconds(), counts->message_count,
           counts->consumer_count);
    if (pid) printf(", \"cpu_seconds\": %.6f", cpu_seconds_of(pid));
    printf("}\n");
    fflush(stdout);
}

int main(int argc, char **argv) {
    const char *url = NULL, *queue = NULL;
    long pid = 0, interval = 5, patience = 60, make = 0;
    Condition conditions[16];
    size_t condition_count = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--url")) url = option_value(argc, argv, &i);
        else if (!strcmp(argv[i], "--queue")) queue = option_value(argc, argv, &i);
        else if (!strcmp(argv[i], "--pid")) pid = option_number(argc, argv, &i);
        else if (!strcmp(argv[i], "--interval-ms")) interval = option_number(argc, argv, &i);
        else if (!strcmp(argv[i], "--patience")) patience = option_number(argc, argv, &i);
        else if (!strcmp(argv[i], "--declare")) make = 1;
        else if (condition_count == 16) fail("too many conditions");
        else if (!strcmp(argv[i], "--at-most"))
            conditions[condition_count++] = (Condition){AT_MOST, option_number(argc, argv, &i)};
        else if (!strcmp(argv[i], "--at-least"))
            conditions[condition_count++] = (Condition){AT_LEAST, option_number(argc, argv, &i)};
        else if (!strcmp(argv[i], "--consumers"))
            conditions[condition_count++] = (Condition){CONSUMERS, option_number(argc, argv, &i)};
        else fail("unknown option %s", argv[i]);
    }
    if (!queue) fail("wants --queue");
    amqp_connection_state_t connection = open_connection(url);
    if (make) declare_queue(connection, queue, 1, 0);
    if (condition_count == 0) report(declare_queue(connection, queue, 0, 1), pid);
    else printf("{\"watching\": true}\n"), fflush(stdout);
    // Becomes readable when the process ends, reaped or not.
    struct pollfd process = {.fd = pid ? (int)syscall(SYS_pidfd_open, (pid_t)pid, 0) : -1, .events = POLLIN};
    if (pid && process.fd < 0) fail("there is no process %ld", pid);
    int ended = 0;
    double changed = monotonic_seconds();
    long last_count = -1;
    for (size_t next = 0; next < condition_count;) {
        amqp_queue_declare_ok_t *counts = declare_queue(connection, queue, 0, 1);
        long ready = (long)counts->message_count, number = conditions[next].number;
        int holds = conditions[next].kind == AT_MOST    ? ready <= number
                    : conditions[next].kind == AT_LEAST ? ready >= number
                                                        : (long)counts->consumer_count >= number;
        if (holds) {
            report(counts, pid);
            next++;
            continue;
        }
        if (ended) fail("process %ld has ended; %ld messages are ready", pid, ready);
        if (ready != last_count) {
            last_count = ready;
            changed = monotonic_seconds();
        }
        if (monotonic_seconds() - changed > (double)patience)
            fail("%ld messages are ready and %u consumers there, unchanged for %ld s", ready, counts->consumer_count,
                 patience);
        amqp_maybe_release_buffers(connection);
        ended = poll(&process, 1, (int)interval) > 0;
    }
    close_connection(connection);
    return 0;
}
