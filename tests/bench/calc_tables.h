/*
 * bench/calc_tables.h: peers/calc.proto, as the plugin would emit it.
 *
 *     message SumRequest { int32 a = 1; int32 b = 2; }   message SumReply { int32 sum = 1; }
 *     message News { int64 number = 1; string text = 2; }
 */
#ifndef BENCH_CALC_TABLES_H
#define BENCH_CALC_TABLES_H

#include <csvc/message.h>

typedef struct SumRequest {
    ProtobufCMessage base;
    int32_t a, b;
} SumRequest;

typedef struct SumReply {
    ProtobufCMessage base;
    int32_t sum;
} SumReply;

typedef struct News {
    ProtobufCMessage base;
    int64_t number;
    char *text;
} News;

#define CALC_DESCRIPTOR(type)                                                                      \
    {                                                                                              \
        .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC, .name = "bench." #type,                     \
        .short_name = #type, .sizeof_message = sizeof(type)                                        \
    }

static const ProtobufCMessageDescriptor request_descriptor = CALC_DESCRIPTOR(SumRequest);
static const ProtobufCMessageDescriptor reply_descriptor = CALC_DESCRIPTOR(SumReply);
static const ProtobufCMessageDescriptor news_descriptor = CALC_DESCRIPTOR(News);

static const SumRequest request_initial = {.base = {.descriptor = &request_descriptor}};
static const SumReply reply_initial = {.base = {.descriptor = &reply_descriptor}};
static const News news_initial = {.base = {.descriptor = &news_descriptor}, .text = (char *)""};

static const csvc_field request_fields[] = {
    {1, offsetof(SumRequest, a), 0, CSVC_KIND_INT32, CSVC_LABEL_IMPLICIT, 0, NULL},
    {2, offsetof(SumRequest, b), 0, CSVC_KIND_INT32, CSVC_LABEL_IMPLICIT, 0, NULL},
};
static const csvc_field reply_fields[] = {
    {1, offsetof(SumReply, sum), 0, CSVC_KIND_INT32, CSVC_LABEL_IMPLICIT, 0, NULL},
};
static const csvc_field news_fields[] = {
    {1, offsetof(News, number), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0, NULL},
    {2, offsetof(News, text), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT, CSVC_FIELD_UTF8, NULL},
};

static const csvc_message_type request_type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(SumRequest),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 3,
    .descriptor = &request_descriptor,
    .initial = &request_initial,
    .fields = request_fields,
};
static const csvc_message_type reply_type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(SumReply),
    .n_fields = 1,
    .n_dense = 1,
    .syntax = 3,
    .descriptor = &reply_descriptor,
    .initial = &reply_initial,
    .fields = reply_fields,
};
static const csvc_message_type news_type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(News),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 3,
    .descriptor = &news_descriptor,
    .initial = &news_initial,
    .fields = news_fields,
};

#endif /* BENCH_CALC_TABLES_H */
