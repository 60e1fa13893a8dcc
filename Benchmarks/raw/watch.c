// SPDX-License-Identifier: Apache-2.0
//
// Sees from outside how far a queue is: the same eye for both sides of a comparison.
//
//   watch --url URL --queue Q [--pid P] [--interval-ms 5] [--seconds 600] [--declare]
//         (--at-most N | --at-least N | --consumers N)...
//
// Asks the broker for the queue (queue.declare, passive) over a connection of its own until the first condition holds,
// then the second, and so on: at most or at least N messages are ready, at least N consumers are there. Prints a line
// of JSON for each as it comes true: the monotonic clock, both counts, and with --pid the CPU seconds that the process
// has used. The first line says {"watching": true}. A queue that does not exist is a failure; --declare makes it
// (durable) first. --pid 0 and no condition at all prints the counts once.
#include "common.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

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
    long pid = 0, interval = 5, seconds = 600, make = 0;
    Condition conditions[16];
    size_t condition_count = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--url")) url = option_value(argc, argv, &i);
        else if (!strcmp(argv[i], "--queue")) queue = option_value(argc, argv, &i);
        else if (!strcmp(argv[i], "--pid")) pid = option_number(argc, argv, &i);
        else if (!strcmp(argv[i], "--interval-ms")) interval = option_number(argc, argv, &i);
        else if (!strcmp(argv[i], "--seconds")) seconds = option_number(argc, argv, &i);
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
    double deadline = monotonic_seconds() + (double)seconds;
    for (size_t next = 0; next < condition_count;) {
        amqp_queue_declare_ok_t *counts = declare_queue(connection, queue, 0, 1);
        long number = conditions[next].number;
        int holds = conditions[next].kind == AT_MOST    ? (long)counts->message_count <= number
                    : conditions[next].kind == AT_LEAST ? (long)counts->message_count >= number
                                                        : (long)counts->consumer_count >= number;
        if (holds) {
            report(counts, pid);
            next++;
            continue;
        }
        if (pid && cpu_seconds_of(pid) < 0) fail("process %ld has ended; %u messages are ready", pid,
                                                 counts->message_count);
        if (monotonic_seconds() > deadline) fail("%u messages are ready and %u consumers there after %ld s",
                                                 counts->message_count, counts->consumer_count, seconds);
        amqp_maybe_release_buffers(connection);
        struct timespec pause = {interval / 1000, interval % 1000 * 1000000};
        nanosleep(&pause, NULL);
    }
    close_connection(connection);
    return 0;
}
