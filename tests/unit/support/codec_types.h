/* Made by tests/tools/codec_types.py; do not edit. */
#ifndef TESTS_CODEC_TYPES_H
#define TESTS_CODEC_TYPES_H

#include <csvc/message.h>

#include "codec2.pb-c.h"
#include "codec3.pb-c.h"
#include "codec_any.pb-c.h"
#include "codec_duration.pb-c.h"
#include "codec_empty.pb-c.h"
#include "codec_field_mask.pb-c.h"
#include "codec_struct.pb-c.h"
#include "codec_timestamp.pb-c.h"
#include "codec_wrappers.pb-c.h"
#include "codec_wkt.pb-c.h"

extern const csvc_message_type codec2__inner__type;
extern const csvc_message_type codec2__all__type;
extern const csvc_message_type codec2__all__mtext_entry__type;
extern const csvc_message_type codec2__all__minner_entry__type;
extern const csvc_message_type codec2__all__mcolor_entry__type;
extern const csvc_message_type codec2__required__type;
extern const csvc_message_type codec3__inner__type;
extern const csvc_message_type codec3__all__type;
extern const csvc_message_type codec3__all__mtext_entry__type;
extern const csvc_message_type codec3__all__minner_entry__type;
extern const csvc_message_type codec3__all__mcolor_entry__type;
extern const csvc_message_type codec3__all__mdbl_entry__type;
extern const csvc_message_type codec3__all__mdata_entry__type;
extern const csvc_message_type codec3__all__mflag_entry__type;
extern const csvc_message_type codec3__empty__type;
extern const csvc_message_type codec3__deep__type;
extern const csvc_message_type google__protobuf__any__type;
extern const csvc_message_type google__protobuf__duration__type;
extern const csvc_message_type google__protobuf__empty__type;
extern const csvc_message_type google__protobuf__field_mask__type;
extern const csvc_message_type google__protobuf__struct__type;
extern const csvc_message_type google__protobuf__struct__fields_entry__type;
extern const csvc_message_type google__protobuf__value__type;
extern const csvc_message_type google__protobuf__list_value__type;
extern const csvc_message_type google__protobuf__timestamp__type;
extern const csvc_message_type google__protobuf__double_value__type;
extern const csvc_message_type google__protobuf__float_value__type;
extern const csvc_message_type google__protobuf__int64_value__type;
extern const csvc_message_type google__protobuf__uint64_value__type;
extern const csvc_message_type google__protobuf__int32_value__type;
extern const csvc_message_type google__protobuf__uint32_value__type;
extern const csvc_message_type google__protobuf__bool_value__type;
extern const csvc_message_type google__protobuf__string_value__type;
extern const csvc_message_type google__protobuf__bytes_value__type;
extern const csvc_message_type codec_wkt__known__type;
extern const csvc_message_type codec_wkt__known__values_entry__type;

#endif /* TESTS_CODEC_TYPES_H */
