// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include "common.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

void check_status(const char *what, int status) {
    if (status < 0) fail("%s: %s", what, amqp_error_string2(status));
}

void check_reply(const char *what, amqp_rpc_reply_t reply) {
    switch (reply.reply_type) {
    case AMQP_RESPONSE_NORMAL:
        return;
    case AMQP_RESPONSE_LIBRARY_EXCEPTION:
        fail("%s: %s", what, amqp_error_string2(reply.library_error));
    case AMQP_RESPONSE_SERVER_EXCEPTION:
        if (reply.reply.id == AMQP_CHANNEL_CLOSE_METHOD) {
            amqp_channel_close_t *close = reply.reply.decoded;
            fail("%s: channel closed: %u %.*s", what, close->reply_code, (int)close->reply_text.len,
                 (char *)close->reply_text.bytes);
        }
        if (reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD) {
            amqp_connection_close_t *close = reply.reply.decoded;
            fail("%s: connection closed: %u %.*s", what, close->reply_code, (int)close->reply_text.len,
                 (char *)close->reply_text.bytes);
        }
        fail("%s: the broker answered with method 0x%08X", what, reply.reply.id);
    default:
        fail("%s: no reply", what);
    }
}

amqp_connection_state_t open_connection(const char *url) {
    if (!url) fail("--url is required");
    char *text = strdup(url);
    struct amqp_connection_info where;
    amqp_default_connection_info(&where);
    if (!text || amqp_parse_url(text, &where) != AMQP_STATUS_OK) fail("not an AMQP URL");
    amqp_connection_state_t connection = amqp_new_connection();
    amqp_socket_t *socket = connection ? amqp_tcp_socket_new(connection) : NULL;
    if (!socket) fail("out of memory");
    check_status("connect", amqp_socket_open(socket, where.host, where.port));
    check_reply("login", amqp_login(connection, where.vhost, 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN,
                                    where.user, where.password));
    amqp_channel_open(connection, CHANNEL);
    check_reply("channel.open", amqp_get_rpc_reply(connection));
    free(text);
    return connection;
}

void close_connection(amqp_connection_state_t connection) {
    check_reply("channel.close", amqp_channel_close(connection, CHANNEL, AMQP_REPLY_SUCCESS));
    check_reply("connection.close", amqp_connection_close(connection, AMQP_REPLY_SUCCESS));
    amqp_destroy_connection(connection);
}

amqp_queue_declare_ok_t *declare_queue(amqp_connection_state_t connection, const char *queue, int durable,
                                       int passive) {
    amqp_queue_declare_ok_t *answer = amqp_queue_declare(connection, CHANNEL, amqp_cstring_bytes(queue), passive,
                                                         durable, 0, 0, amqp_empty_table);
    check_reply("queue.declare", amqp_get_rpc_reply(connection));
    if (!answer) fail("queue.declare: no answer");
    return answer;
}

const char *option_value(int argc, char **argv, int *index) {
    if (*index + 1 >= argc) fail("%s wants a value", argv[*index]);
    return argv[++*index];
}

long option_number(int argc, char **argv, int *index) {
    const char *name = argv[*index];
    const char *value = option_value(argc, argv, index);
    char *end;
    long number = strtol(value, &end, 10);
    if (end == value || *end || number < 0) fail("%s wants a number, not \"%s\"", name, value);
    return number;
}

static double seconds_of(clockid_t clock) {
    struct timespec time;
    if (clock_gettime(clock, &time) != 0) return -1;
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

double monotonic_seconds(void) { return seconds_of(CLOCK_MONOTONIC); }
double realtime_seconds(void) { return seconds_of(CLOCK_REALTIME); }
double own_cpu_seconds(void) { return seconds_of(CLOCK_PROCESS_CPUTIME_ID); }

double cpu_seconds_of(long pid) {
    clockid_t clock;
    return clock_getcpuclockid((pid_t)pid, &clock) == 0 ? seconds_of(clock) : -1;
}

Bytes read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) fail("cannot read %s", path);
    long size = ftell(file);
    Bytes content = {malloc(size > 0 ? (size_t)size : 1), (size_t)(size > 0 ? size : 0)};
    rewind(file);
    if (size <= 0 || !content.bytes || fread(content.bytes, 1, content.size, file) != content.size)
        fail("%s is empty or cannot be read", path);
    fclose(file);
    return content;
}
