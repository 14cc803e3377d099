/* Made by tests/tools/codec_types.py; do not edit. */
#include "codec_bench_types.h"

static const CodecBench__Flat codec_bench__flat__initial = CODEC_BENCH__FLAT__INIT;
static const csvc_field codec_bench__flat__fields[] = {
    {1, offsetof(CodecBench__Flat, id), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0, NULL},
    {2, offsetof(CodecBench__Flat, username), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
    {3, offsetof(CodecBench__Flat, email), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
    {4, offsetof(CodecBench__Flat, full_name), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
    {5, offsetof(CodecBench__Flat, created_at), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0, NULL},
    {6, offsetof(CodecBench__Flat, updated_at), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0, NULL},
    {7, offsetof(CodecBench__Flat, verified), 0, CSVC_KIND_BOOL, CSVC_LABEL_IMPLICIT, 0, NULL},
    {8, offsetof(CodecBench__Flat, status), 0, CSVC_KIND_ENUM, CSVC_LABEL_IMPLICIT, 0,
     &codec_bench__status__descriptor},
    {9, offsetof(CodecBench__Flat, logins), 0, CSVC_KIND_INT32, CSVC_LABEL_IMPLICIT, 0, NULL},
    {10, offsetof(CodecBench__Flat, score), 0, CSVC_KIND_DOUBLE, CSVC_LABEL_IMPLICIT, 0, NULL},
    {11, offsetof(CodecBench__Flat, locale), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
};
const csvc_message_type codec_bench__flat__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(CodecBench__Flat),
    .n_fields = 11,
    .n_dense = 11,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = 0,
    .descriptor = &codec_bench__flat__descriptor,
    .initial = &codec_bench__flat__initial,
    .fields = codec_bench__flat__fields,
    .json_names = NULL,
};

static const CodecBench__Address codec_bench__address__initial = CODEC_BENCH__ADDRESS__INIT;
static const csvc_field codec_bench__address__fields[] = {
    {1, offsetof(CodecBench__Address, street), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
    {2, offsetof(CodecBench__Address, city), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
    {3, offsetof(CodecBench__Address, zip), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
    {4, offsetof(CodecBench__Address, country), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
};
const csvc_message_type codec_bench__address__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(CodecBench__Address),
    .n_fields = 4,
    .n_dense = 4,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = 0,
    .descriptor = &codec_bench__address__descriptor,
    .initial = &codec_bench__address__initial,
    .fields = codec_bench__address__fields,
    .json_names = NULL,
};

static const CodecBench__Money codec_bench__money__initial = CODEC_BENCH__MONEY__INIT;
static const csvc_field codec_bench__money__fields[] = {
    {1, offsetof(CodecBench__Money, currency), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
    {2, offsetof(CodecBench__Money, units), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0, NULL},
    {3, offsetof(CodecBench__Money, nanos), 0, CSVC_KIND_INT32, CSVC_LABEL_IMPLICIT, 0, NULL},
};
const csvc_message_type codec_bench__money__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(CodecBench__Money),
    .n_fields = 3,
    .n_dense = 3,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = 0,
    .descriptor = &codec_bench__money__descriptor,
    .initial = &codec_bench__money__initial,
    .fields = codec_bench__money__fields,
    .json_names = NULL,
};

static const CodecBench__Nested codec_bench__nested__initial = CODEC_BENCH__NESTED__INIT;
static const csvc_field codec_bench__nested__fields[] = {
    {1, offsetof(CodecBench__Nested, id), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0, NULL},
    {2, offsetof(CodecBench__Nested, customer), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &codec_bench__nested__customer__type},
    {3, offsetof(CodecBench__Nested, ship_to), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &codec_bench__address__type},
    {4, offsetof(CodecBench__Nested, total), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &codec_bench__money__type},
    {5, offsetof(CodecBench__Nested, tax), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &codec_bench__money__type},
    {6, offsetof(CodecBench__Nested, previous), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &codec_bench__nested__type},
};
const csvc_message_type codec_bench__nested__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(CodecBench__Nested),
    .n_fields = 6,
    .n_dense = 6,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = 0,
    .descriptor = &codec_bench__nested__descriptor,
    .initial = &codec_bench__nested__initial,
    .fields = codec_bench__nested__fields,
    .json_names = NULL,
};

static const CodecBench__Nested__Customer codec_bench__nested__customer__initial =
    CODEC_BENCH__NESTED__CUSTOMER__INIT;
static const csvc_field codec_bench__nested__customer__fields[] = {
    {1, offsetof(CodecBench__Nested__Customer, id), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0,
     NULL},
    {2, offsetof(CodecBench__Nested__Customer, name), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
    {3, offsetof(CodecBench__Nested__Customer, home), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &codec_bench__address__type},
    {4, offsetof(CodecBench__Nested__Customer, work), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &codec_bench__address__type},
};
const csvc_message_type codec_bench__nested__customer__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(CodecBench__Nested__Customer),
    .n_fields = 4,
    .n_dense = 4,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = 0,
    .descriptor = &codec_bench__nested__customer__descriptor,
    .initial = &codec_bench__nested__customer__initial,
    .fields = codec_bench__nested__customer__fields,
    .json_names = NULL,
};

static const CodecBench__Repeated codec_bench__repeated__initial = CODEC_BENCH__REPEATED__INIT;
static const csvc_field codec_bench__repeated__fields[] = {
    {1, offsetof(CodecBench__Repeated, users), offsetof(CodecBench__Repeated, n_users),
     CSVC_KIND_MESSAGE, CSVC_LABEL_REPEATED, 0, &codec_bench__flat__type},
    {2, offsetof(CodecBench__Repeated, numbers), offsetof(CodecBench__Repeated, n_numbers),
     CSVC_KIND_INT32, CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {3, offsetof(CodecBench__Repeated, tags), offsetof(CodecBench__Repeated, n_tags),
     CSVC_KIND_STRING, CSVC_LABEL_REPEATED, CSVC_FIELD_UTF8, NULL},
    {4, offsetof(CodecBench__Repeated, samples), offsetof(CodecBench__Repeated, n_samples),
     CSVC_KIND_DOUBLE, CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {5, offsetof(CodecBench__Repeated, total), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0, NULL},
};
const csvc_message_type codec_bench__repeated__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(CodecBench__Repeated),
    .n_fields = 5,
    .n_dense = 5,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = 0,
    .descriptor = &codec_bench__repeated__descriptor,
    .initial = &codec_bench__repeated__initial,
    .fields = codec_bench__repeated__fields,
    .json_names = NULL,
};
