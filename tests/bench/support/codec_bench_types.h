/* Made by tests/tools/codec_types.py; do not edit. */
#ifndef TESTS_CODEC_BENCH_TYPES_H
#define TESTS_CODEC_BENCH_TYPES_H

#include <csvc/message.h>

#include "codec_bench.pb-c.h"

extern const csvc_message_type codec_bench__flat__type;
extern const csvc_message_type codec_bench__address__type;
extern const csvc_message_type codec_bench__money__type;
extern const csvc_message_type codec_bench__nested__type;
extern const csvc_message_type codec_bench__nested__customer__type;
extern const csvc_message_type codec_bench__repeated__type;

#endif /* TESTS_CODEC_BENCH_TYPES_H */
