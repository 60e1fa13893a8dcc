// SPDX-License-Identifier: Apache-2.0
//
// The ceiling of intake: a plain librabbitmq consumer that does nothing with what it gets.
//
//   consume --url URL --queue Q --count N [--prefetch 256] [--ack-every 64] [--durable] [--save FILE]
//
// Acknowledges with multiple=true once per --ack-every deliveries. Ends when N messages are acknowledged and the broker
// has seen it, and prints one line of JSON: seconds from basic.consume to then, CPU seconds in between, bytes.
// --save writes each body as its size (four bytes, big-endian) and its bytes: what publish --bodies reads.
#include "common.h"

#include <stdio.h>
#include <string.h>
#include <sys/time.h>

int main(int argc, char **argv) {
    const char *url = NULL, *queue = NULL, *save = NULL;
    long count = 0, prefetch = 256, ack_every = 64, durable = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--url")) url = option_value(argc, argv, &i);
        else if (!strcmp(argv[i], "--queue")) queue = option_value(argc, argv, &i);
        else if (!strcmp(argv[i], "--count")) count = option_number(argc, argv, &i);
        else if (!strcmp(argv[i], "--prefetch")) prefetch = option_number(argc, argv, &i);
        else if (!strcmp(argv[i], "--ack-every")) ack_every = option_number(argc, argv, &i);
        else if (!strcmp(argv[i], "--save")) save = option_value(argc, argv, &i);
        else if (!strcmp(argv[i], "--durable")) durable = 1;
        else fail("unknown option %s", argv[i]);
    }
    if (!queue || count < 1 || ack_every < 1 || prefetch < ack_every || prefetch > 65535)
        fail("wants --queue, --count, and --ack-every not above --prefetch");
    FILE *saved = save ? fopen(save, "wb") : NULL;
    if (save && !saved) fail("cannot write %s", save);

    amqp_connection_state_t connection = open_connection(url);
    declare_queue(connection, queue, durable != 0, 0);
    amqp_basic_qos(connection, CHANNEL, 0, (uint16_t)prefetch, 0);
    check_reply("basic.qos", amqp_get_rpc_reply(connection));
    double began = monotonic_seconds(), cpu = own_cpu_seconds();
    amqp_basic_consume(connection, CHANNEL, amqp_cstring_bytes(queue), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    check_reply("basic.consume", amqp_get_rpc_reply(connection));

    uint64_t bytes = 0;
    for (long received = 1; received <= count; received++) {
        amqp_envelope_t envelope;
        struct timeval patience = {30, 0};
        amqp_maybe_release_buffers(connection);
        check_reply("consume", amqp_consume_message(connection, &envelope, &patience, 0));
        bytes += envelope.message.body.len;
        if (saved) {
            uint32_t size = (uint32_t)envelope.message.body.len;
            uint8_t prefix[4] = {(uint8_t)(size >> 24), (uint8_t)(size >> 16), (uint8_t)(size >> 8), (uint8_t)size};
            if (fwrite(prefix, 1, 4, saved) != 4 || fwrite(envelope.message.body.bytes, 1, size, saved) != size)
                fail("cannot write %s", save);
        }
        if (received % ack_every == 0 || received == count)
            check_status("basic.ack", amqp_basic_ack(connection, CHANNEL, envelope.delivery_tag, 1));
        amqp_destroy_envelope(&envelope);
    }
    close_connection(connection);
    double seconds = monotonic_seconds() - began;
    cpu = own_cpu_seconds() - cpu;
    if (saved && fclose(saved) != 0) fail("cannot write %s", save);
    printf("{\"messages\": %ld, \"seconds\": %.6f, \"cpu_seconds\": %.6f, \"bytes\": %llu}\n", count, seconds, cpu,
           (unsigned long long)bytes);
    return 0;
}
