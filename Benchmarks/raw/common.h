// SPDX-License-Identifier: Apache-2.0
//
// What the raw programs share: a connection with one channel, options, clocks.
#ifndef RAW_COMMON_H
#define RAW_COMMON_H

#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <stddef.h>
#include <stdint.h>

// The only channel that the raw programs open.
enum { CHANNEL = 1 };

// Says why on stderr and exits with status 1.
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

// Exits with the reply's own words unless it is a success.
void check_reply(const char *what, amqp_rpc_reply_t reply);

// Exits with librabbitmq's words if status is an error.
void check_status(const char *what, int status);

// A logged-in connection to amqp://USER:PASSWORD@HOST:PORT/VHOST with channel 1 open.
amqp_connection_state_t open_connection(const char *url);

// Closes the channel (the broker has then worked through everything sent on it) and the connection.
void close_connection(amqp_connection_state_t connection);

// Declares a queue without arguments; with passive it must exist.
amqp_queue_declare_ok_t *declare_queue(amqp_connection_state_t connection, const char *queue, int durable, int passive);

// The value after an option, or exit.
const char *option_value(int argc, char **argv, int *index);
long option_number(int argc, char **argv, int *index);

double monotonic_seconds(void);
double realtime_seconds(void);
// CPU time of this process, user and system, in seconds.
double own_cpu_seconds(void);
// CPU time of another process, all its threads, in seconds; negative if there is no such process.
double cpu_seconds_of(long pid);

typedef struct {
    uint8_t *bytes;
    size_t size;
} Bytes;

Bytes read_file(const char *path);

#endif
