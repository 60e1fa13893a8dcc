// SPDX-License-Identifier: Apache-2.0
//
// The ceiling of events: a plain librabbitmq publisher of persistent messages, with publisher confirms.
//
//   publish --url URL --routing-key K [--exchange E] (--body FILE | --bodies FILE) [--count N] [--first I]
//           [--window 64] [--mandatory] [--declare QUEUE] [--fill]
//
// --window W   at most W messages are unconfirmed; 0 publishes without confirms
// --body       one body, sent N times
// --bodies     bodies as consume --save wrote them, in turn
// --fill       replaces the marks in the body, so that every message differs. Message number n (from --first) gets:
//                32 x '@'                               a _unique_id that no other message has
//                ########-####-####-####-############   the uuid of instance n
//                8 x '~'                                n in hexadecimal (an instance's name)
//                10 x '^'                               1000000000 + n (an instance's id)
// --declare    declares that queue durable first
//
// Ends when every message is confirmed; a nack or a returned message is a failure. Prints one line of JSON: when the
// first message was sent (seconds since 1970), the seconds to the last confirm, CPU seconds in between, bytes.
#include "common.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

typedef struct {
    amqp_connection_state_t connection;
    uint64_t sent, confirmed;  // delivery tags; confirmed counts messages
    uint64_t lowest;           // the lowest tag that may be unconfirmed
    uint8_t *settled;          // by tag, for acks out of order
} Publisher;

enum Mark { UNIQUE_ID, INSTANCE_UUID, INSTANCE_HEX, INSTANCE_NUMBER, MARKS };
static const char *const mark_texts[MARKS] = {"@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@",
                                              "########-####-####-####-############", "~~~~~~~~", "^^^^^^^^^^"};
typedef struct {
    size_t offset;
    enum Mark mark;
} Place;

static Place *find_places(Bytes body, size_t *count) {
    Place *places = NULL;
    *count = 0;
    for (size_t i = 0; i < body.size; i++)
        for (int mark = 0; mark < MARKS; mark++) {
            size_t length = strlen(mark_texts[mark]);
            if (body.size - i < length || memcmp(body.bytes + i, mark_texts[mark], length) != 0) continue;
            places = realloc(places, (*count + 1) * sizeof *places);
            if (!places) fail("out of memory");
            places[(*count)++] = (Place){i, (enum Mark)mark};
            i += length - 1;
            break;
        }
    return places;
}

static void fill(Bytes body, const Place *places, size_t count, uint64_t salt, uint64_t n) {
    char texts[MARKS][40];
    snprintf(texts[UNIQUE_ID], 40, "%016" PRIx64 "%016" PRIx64, salt, n);
    snprintf(texts[INSTANCE_UUID], 40, "%08" PRIx64 "-0000-4000-8000-%012" PRIx64, n & 0xFFFFFFFF, n & 0xFFFFFFFFFFFF);
    snprintf(texts[INSTANCE_HEX], 40, "%08" PRIx64, n & 0xFFFFFFFF);
    snprintf(texts[INSTANCE_NUMBER], 40, "%" PRIu64, 1000000000 + n % 1000000000);
    for (size_t i = 0; i < count; i++) {
        const char *text = texts[places[i].mark];
        memcpy(body.bytes + places[i].offset, text, strlen(text));
    }
}

static void settle(Publisher *publisher, uint64_t tag, int multiple) {
    uint64_t from = multiple ? publisher->lowest : tag;
    if (tag > publisher->sent) fail("the broker confirmed message %" PRIu64 ", which was not sent", tag);
    for (uint64_t t = from; t <= tag; t++)
        if (!publisher->settled[t]) {
            publisher->settled[t] = 1;
            publisher->confirmed++;
        }
    while (publisher->lowest <= publisher->sent && publisher->settled[publisher->lowest]) publisher->lowest++;
}

// Takes one frame; 0 if none came in time.
static int take_frame(Publisher *publisher, const struct timeval *patience) {
    amqp_frame_t frame;
    int status = amqp_simple_wait_frame_noblock(publisher->connection, &frame, patience);
    if (status == AMQP_STATUS_TIMEOUT) return 0;
    check_status("confirm", status);
    if (frame.frame_type != AMQP_FRAME_METHOD) return 1;
    if (frame.payload.method.id == AMQP_BASIC_ACK_METHOD) {
        amqp_basic_ack_t *ack = frame.payload.method.decoded;
        settle(publisher, ack->delivery_tag, ack->multiple);
    } else if (frame.payload.method.id == AMQP_BASIC_NACK_METHOD) {
        fail("the broker refused a message");
    } else if (frame.payload.method.id == AMQP_BASIC_RETURN_METHOD) {
        fail("the broker returned a message: no queue is bound to its routing key");
    } else if (frame.payload.method.id == AMQP_CHANNEL_CLOSE_METHOD) {
        amqp_channel_close_t *close = frame.payload.method.decoded;
        fail("channel closed: %u %.*s", close->reply_code, (int)close->reply_text.len, (char *)close->reply_text.bytes);
    } else {
        fail("the broker sent method 0x%08X", frame.payload.method.id);
    }
    return 1;
}

static void take_confirms(Publisher *publisher) {
    const struct timeval patience = {30, 0}, none = {0, 0};
    if (!take_frame(publisher, &patience)) fail("no confirm for 30 s");
    while (take_frame(publisher, &none)) {}
    amqp_maybe_release_buffers(publisher->connection);
}

static Bytes next_body(Bytes records, size_t *offset) {
    if (*offset == records.size) *offset = 0;
    if (records.size - *offset < 4) fail("the bodies' file ends inside a record");
    const uint8_t *p = records.bytes + *offset;
    size_t size = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    if (records.size - *offset - 4 < size) fail("the bodies' file ends inside a record");
    *offset += 4 + size;
    return (Bytes){records.bytes + *offset - size, size};
}

int main(int argc, char **argv) {
    const char *url = NULL, *exchange = "", *routing_key = NULL, *body_file = NULL, *bodies_file = NULL, *queue = NULL;
    long count = 1, first = 0, window = 64, filling = 0, mandatory = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--url")) url = option_value(argc, argv, &i);
        else if (!strcmp(argv[i], "--exchange")) exchange = option_value(argc, argv, &i);
        else if (!strcmp(argv[i], "--routing-key")) routing_key = option_value(argc, argv, &i);
        else if (!strcmp(argv[i], "--body")) body_file = option_value(argc, argv, &i);
        else if (!strcmp(argv[i], "--bodies")) bodies_file = option_value(argc, argv, &i);
        else if (!strcmp(argv[i], "--declare")) queue = option_value(argc, argv, &i);
        else if (!strcmp(argv[i], "--count")) count = option_number(argc, argv, &i);
        else if (!strcmp(argv[i], "--first")) first = option_number(argc, argv, &i);
        else if (!strcmp(argv[i], "--window")) window = option_number(argc, argv, &i);
        else if (!strcmp(argv[i], "--fill")) filling = 1;
        else if (!strcmp(argv[i], "--mandatory")) mandatory = 1;
        else fail("unknown option %s", argv[i]);
    }
    if (!routing_key || !body_file == !bodies_file || count < 1 || (filling && !body_file))
        fail("wants --routing-key and one of --body and --bodies; --fill goes with --body");

    Bytes content = read_file(body_file ? body_file : bodies_file);
    size_t place_count = 0, offset = 0;
    Place *places = filling ? find_places(content, &place_count) : NULL;
    if (filling && place_count == 0) fail("%s has no mark to fill", body_file);
    uint64_t salt = (uint64_t)(realtime_seconds() * 1e6) << 12 ^ (uint64_t)getpid();

    Publisher publisher = {.connection = open_connection(url), .lowest = 1};
    publisher.settled = calloc((size_t)count + 2, 1);
    if (!publisher.settled) fail("out of memory");
    if (queue) declare_queue(publisher.connection, queue, 1, 0);
    if (window > 0) {
        amqp_confirm_select(publisher.connection, CHANNEL);
        check_reply("confirm.select", amqp_get_rpc_reply(publisher.connection));
    }
    amqp_basic_properties_t properties = {
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_CONTENT_ENCODING_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                  AMQP_BASIC_PRIORITY_FLAG | AMQP_BASIC_HEADERS_FLAG,
        .content_type = amqp_cstring_bytes("application/json"),
        .content_encoding = amqp_cstring_bytes("utf-8"),
        .delivery_mode = AMQP_DELIVERY_PERSISTENT,
        .priority = 0,
    };

    double epoch = realtime_seconds(), began = monotonic_seconds(), cpu = own_cpu_seconds();
    uint64_t bytes = 0;
    while (publisher.sent < (uint64_t)count) {
        if (window > 0 && publisher.sent - publisher.confirmed >= (uint64_t)window) take_confirms(&publisher);
        Bytes body = body_file ? content : next_body(content, &offset);
        if (filling) fill(body, places, place_count, salt, (uint64_t)first + publisher.sent);
        check_status("basic.publish",
                     amqp_basic_publish(publisher.connection, CHANNEL, amqp_cstring_bytes(exchange),
                                        amqp_cstring_bytes(routing_key), mandatory != 0, 0, &properties,
                                        (amqp_bytes_t){body.size, body.bytes}));
        publisher.sent++;
        bytes += body.size;
    }
    while (window > 0 && publisher.confirmed < publisher.sent) take_confirms(&publisher);
    if (window == 0) close_connection(publisher.connection);
    double seconds = monotonic_seconds() - began;
    cpu = own_cpu_seconds() - cpu;
    if (window > 0) close_connection(publisher.connection);
    printf("{\"messages\": %ld, \"began\": %.6f, \"seconds\": %.6f, \"cpu_seconds\": %.6f, \"bytes\": %" PRIu64 "}\n",
           count, epoch, seconds, cpu, bytes);
    return 0;
}
