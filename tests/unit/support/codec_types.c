/* Made by tests/tools/codec_types.py; do not edit. */
#include "codec_types.h"

static const Codec2__Inner codec2__inner__initial = CODEC2__INNER__INIT;
static const csvc_field codec2__inner__fields[] = {
    {1, offsetof(Codec2__Inner, id), 0, CSVC_KIND_INT32, CSVC_LABEL_REQUIRED, 0, NULL},
    {2, offsetof(Codec2__Inner, name), 0, CSVC_KIND_STRING, CSVC_LABEL_OPTIONAL, 0, NULL},
    {3, offsetof(Codec2__Inner, inner), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &codec2__inner__type},
    {4, offsetof(Codec2__Inner, label), 0, CSVC_KIND_STRING, CSVC_LABEL_REQUIRED, 0, NULL},
};
const csvc_message_type codec2__inner__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec2__Inner),
    .n_fields = 4,
    .n_dense = 4,
    .syntax = 2,
    .well_known = CSVC_WKT_NONE,
    .flags = CSVC_MESSAGE_REQUIRED,
    .descriptor = &codec2__inner__descriptor,
    .initial = &codec2__inner__initial,
    .fields = codec2__inner__fields,
    .json_names = NULL,
};

static const Codec2__All codec2__all__initial = CODEC2__ALL__INIT;
static const csvc_field codec2__all__fields[] = {
    {1, offsetof(Codec2__All, i32), offsetof(Codec2__All, has_i32), CSVC_KIND_INT32,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {2, offsetof(Codec2__All, i64), offsetof(Codec2__All, has_i64), CSVC_KIND_INT64,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {3, offsetof(Codec2__All, u32), offsetof(Codec2__All, has_u32), CSVC_KIND_UINT32,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {4, offsetof(Codec2__All, u64), offsetof(Codec2__All, has_u64), CSVC_KIND_UINT64,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {5, offsetof(Codec2__All, s32), offsetof(Codec2__All, has_s32), CSVC_KIND_SINT32,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {6, offsetof(Codec2__All, s64), offsetof(Codec2__All, has_s64), CSVC_KIND_SINT64,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {7, offsetof(Codec2__All, f32), offsetof(Codec2__All, has_f32), CSVC_KIND_FIXED32,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {8, offsetof(Codec2__All, f64), offsetof(Codec2__All, has_f64), CSVC_KIND_FIXED64,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {9, offsetof(Codec2__All, sf32), offsetof(Codec2__All, has_sf32), CSVC_KIND_SFIXED32,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {10, offsetof(Codec2__All, sf64), offsetof(Codec2__All, has_sf64), CSVC_KIND_SFIXED64,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {11, offsetof(Codec2__All, flt), offsetof(Codec2__All, has_flt), CSVC_KIND_FLOAT,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {12, offsetof(Codec2__All, dbl), offsetof(Codec2__All, has_dbl), CSVC_KIND_DOUBLE,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {13, offsetof(Codec2__All, flag), offsetof(Codec2__All, has_flag), CSVC_KIND_BOOL,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {14, offsetof(Codec2__All, color), offsetof(Codec2__All, has_color), CSVC_KIND_ENUM,
     CSVC_LABEL_OPTIONAL, CSVC_FIELD_CLOSED_ENUM, &codec2__color__descriptor},
    {15, offsetof(Codec2__All, text), 0, CSVC_KIND_STRING, CSVC_LABEL_OPTIONAL, 0, NULL},
    {16, offsetof(Codec2__All, data), offsetof(Codec2__All, has_data), CSVC_KIND_BYTES,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {17, offsetof(Codec2__All, inner), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &codec2__inner__type},
    {21, offsetof(Codec2__All, r_i32), offsetof(Codec2__All, n_r_i32), CSVC_KIND_INT32,
     CSVC_LABEL_REPEATED, 0, NULL},
    {22, offsetof(Codec2__All, r_s64), offsetof(Codec2__All, n_r_s64), CSVC_KIND_SINT64,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {23, offsetof(Codec2__All, r_f32), offsetof(Codec2__All, n_r_f32), CSVC_KIND_FIXED32,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {24, offsetof(Codec2__All, r_dbl), offsetof(Codec2__All, n_r_dbl), CSVC_KIND_DOUBLE,
     CSVC_LABEL_REPEATED, 0, NULL},
    {25, offsetof(Codec2__All, r_flag), offsetof(Codec2__All, n_r_flag), CSVC_KIND_BOOL,
     CSVC_LABEL_REPEATED, 0, NULL},
    {26, offsetof(Codec2__All, r_color), offsetof(Codec2__All, n_r_color), CSVC_KIND_ENUM,
     CSVC_LABEL_REPEATED, CSVC_FIELD_CLOSED_ENUM, &codec2__color__descriptor},
    {27, offsetof(Codec2__All, p_color), offsetof(Codec2__All, n_p_color), CSVC_KIND_ENUM,
     CSVC_LABEL_REPEATED, CSVC_FIELD_CLOSED_ENUM | CSVC_FIELD_PACKED, &codec2__color__descriptor},
    {28, offsetof(Codec2__All, r_text), offsetof(Codec2__All, n_r_text), CSVC_KIND_STRING,
     CSVC_LABEL_REPEATED, 0, NULL},
    {29, offsetof(Codec2__All, r_data), offsetof(Codec2__All, n_r_data), CSVC_KIND_BYTES,
     CSVC_LABEL_REPEATED, 0, NULL},
    {30, offsetof(Codec2__All, r_inner), offsetof(Codec2__All, n_r_inner), CSVC_KIND_MESSAGE,
     CSVC_LABEL_REPEATED, 0, &codec2__inner__type},
    {41, offsetof(Codec2__All, d_i32), offsetof(Codec2__All, has_d_i32), CSVC_KIND_INT32,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {42, offsetof(Codec2__All, d_text), 0, CSVC_KIND_STRING, CSVC_LABEL_OPTIONAL,
     CSVC_FIELD_PTR_DEFAULT, NULL},
    {43, offsetof(Codec2__All, d_data), offsetof(Codec2__All, has_d_data), CSVC_KIND_BYTES,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {44, offsetof(Codec2__All, d_color), offsetof(Codec2__All, has_d_color), CSVC_KIND_ENUM,
     CSVC_LABEL_OPTIONAL, CSVC_FIELD_CLOSED_ENUM, &codec2__color__descriptor},
    {45, offsetof(Codec2__All, d_flag), offsetof(Codec2__All, has_d_flag), CSVC_KIND_BOOL,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {46, offsetof(Codec2__All, d_dbl), offsetof(Codec2__All, has_d_dbl), CSVC_KIND_DOUBLE,
     CSVC_LABEL_OPTIONAL, 0, NULL},
    {51, offsetof(Codec2__All, c_i32), offsetof(Codec2__All, choice_case), CSVC_KIND_INT32,
     CSVC_LABEL_ONEOF, 0, NULL},
    {52, offsetof(Codec2__All, c_text), offsetof(Codec2__All, choice_case), CSVC_KIND_STRING,
     CSVC_LABEL_ONEOF, 0, NULL},
    {53, offsetof(Codec2__All, c_data), offsetof(Codec2__All, choice_case), CSVC_KIND_BYTES,
     CSVC_LABEL_ONEOF, 0, NULL},
    {54, offsetof(Codec2__All, c_inner), offsetof(Codec2__All, choice_case), CSVC_KIND_MESSAGE,
     CSVC_LABEL_ONEOF, 0, &codec2__inner__type},
    {55, offsetof(Codec2__All, c_color), offsetof(Codec2__All, choice_case), CSVC_KIND_ENUM,
     CSVC_LABEL_ONEOF, CSVC_FIELD_CLOSED_ENUM, &codec2__color__descriptor},
    {56, offsetof(Codec2__All, c_dbl), offsetof(Codec2__All, choice_case), CSVC_KIND_DOUBLE,
     CSVC_LABEL_ONEOF, 0, NULL},
    {57, offsetof(Codec2__All, c_flag), offsetof(Codec2__All, choice_case), CSVC_KIND_BOOL,
     CSVC_LABEL_ONEOF, 0, NULL},
    {61, offsetof(Codec2__All, m_text), offsetof(Codec2__All, n_m_text), CSVC_KIND_MESSAGE,
     CSVC_LABEL_REPEATED, CSVC_FIELD_MAP, &codec2__all__mtext_entry__type},
    {62, offsetof(Codec2__All, m_inner), offsetof(Codec2__All, n_m_inner), CSVC_KIND_MESSAGE,
     CSVC_LABEL_REPEATED, CSVC_FIELD_MAP, &codec2__all__minner_entry__type},
    {63, offsetof(Codec2__All, m_color), offsetof(Codec2__All, n_m_color), CSVC_KIND_MESSAGE,
     CSVC_LABEL_REPEATED, CSVC_FIELD_MAP, &codec2__all__mcolor_entry__type},
};
const csvc_message_type codec2__all__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec2__All),
    .n_fields = 43,
    .n_dense = 17,
    .syntax = 2,
    .well_known = CSVC_WKT_NONE,
    .flags = CSVC_MESSAGE_REQUIRED,
    .descriptor = &codec2__all__descriptor,
    .initial = &codec2__all__initial,
    .fields = codec2__all__fields,
    .json_names = NULL,
};

static const Codec2__All__MTextEntry codec2__all__mtext_entry__initial =
    CODEC2__ALL__MTEXT_ENTRY__INIT;
static const csvc_field codec2__all__mtext_entry__fields[] = {
    {1, offsetof(Codec2__All__MTextEntry, key), 0, CSVC_KIND_STRING, CSVC_LABEL_OPTIONAL, 0, NULL},
    {2, offsetof(Codec2__All__MTextEntry, value), offsetof(Codec2__All__MTextEntry, has_value),
     CSVC_KIND_INT32, CSVC_LABEL_OPTIONAL, 0, NULL},
};
const csvc_message_type codec2__all__mtext_entry__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec2__All__MTextEntry),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 2,
    .well_known = CSVC_WKT_NONE,
    .flags = CSVC_MESSAGE_MAP_ENTRY,
    .descriptor = &codec2__all__mtext_entry__descriptor,
    .initial = &codec2__all__mtext_entry__initial,
    .fields = codec2__all__mtext_entry__fields,
    .json_names = NULL,
};

static const Codec2__All__MInnerEntry codec2__all__minner_entry__initial =
    CODEC2__ALL__MINNER_ENTRY__INIT;
static const csvc_field codec2__all__minner_entry__fields[] = {
    {1, offsetof(Codec2__All__MInnerEntry, key), offsetof(Codec2__All__MInnerEntry, has_key),
     CSVC_KIND_INT64, CSVC_LABEL_OPTIONAL, 0, NULL},
    {2, offsetof(Codec2__All__MInnerEntry, value), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &codec2__inner__type},
};
const csvc_message_type codec2__all__minner_entry__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec2__All__MInnerEntry),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 2,
    .well_known = CSVC_WKT_NONE,
    .flags = CSVC_MESSAGE_MAP_ENTRY | CSVC_MESSAGE_REQUIRED,
    .descriptor = &codec2__all__minner_entry__descriptor,
    .initial = &codec2__all__minner_entry__initial,
    .fields = codec2__all__minner_entry__fields,
    .json_names = NULL,
};

static const Codec2__All__MColorEntry codec2__all__mcolor_entry__initial =
    CODEC2__ALL__MCOLOR_ENTRY__INIT;
static const csvc_field codec2__all__mcolor_entry__fields[] = {
    {1, offsetof(Codec2__All__MColorEntry, key), offsetof(Codec2__All__MColorEntry, has_key),
     CSVC_KIND_BOOL, CSVC_LABEL_OPTIONAL, 0, NULL},
    {2, offsetof(Codec2__All__MColorEntry, value), offsetof(Codec2__All__MColorEntry, has_value),
     CSVC_KIND_ENUM, CSVC_LABEL_OPTIONAL, CSVC_FIELD_CLOSED_ENUM, &codec2__color__descriptor},
};
const csvc_message_type codec2__all__mcolor_entry__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec2__All__MColorEntry),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 2,
    .well_known = CSVC_WKT_NONE,
    .flags = CSVC_MESSAGE_MAP_ENTRY,
    .descriptor = &codec2__all__mcolor_entry__descriptor,
    .initial = &codec2__all__mcolor_entry__initial,
    .fields = codec2__all__mcolor_entry__fields,
    .json_names = NULL,
};

static const Codec2__Required codec2__required__initial = CODEC2__REQUIRED__INIT;
static const csvc_field codec2__required__fields[] = {
    {1, offsetof(Codec2__Required, i32), 0, CSVC_KIND_INT32, CSVC_LABEL_REQUIRED, 0, NULL},
    {2, offsetof(Codec2__Required, text), 0, CSVC_KIND_STRING, CSVC_LABEL_REQUIRED, 0, NULL},
    {3, offsetof(Codec2__Required, data), 0, CSVC_KIND_BYTES, CSVC_LABEL_REQUIRED, 0, NULL},
    {4, offsetof(Codec2__Required, inner), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_REQUIRED, 0,
     &codec2__inner__type},
    {5, offsetof(Codec2__Required, dbl), 0, CSVC_KIND_DOUBLE, CSVC_LABEL_REQUIRED, 0, NULL},
    {6, offsetof(Codec2__Required, color), 0, CSVC_KIND_ENUM, CSVC_LABEL_REQUIRED,
     CSVC_FIELD_CLOSED_ENUM, &codec2__color__descriptor},
};
const csvc_message_type codec2__required__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec2__Required),
    .n_fields = 6,
    .n_dense = 6,
    .syntax = 2,
    .well_known = CSVC_WKT_NONE,
    .flags = CSVC_MESSAGE_REQUIRED,
    .descriptor = &codec2__required__descriptor,
    .initial = &codec2__required__initial,
    .fields = codec2__required__fields,
    .json_names = NULL,
};

static const Codec3__Inner codec3__inner__initial = CODEC3__INNER__INIT;
static const csvc_field codec3__inner__fields[] = {
    {1, offsetof(Codec3__Inner, id), 0, CSVC_KIND_INT32, CSVC_LABEL_IMPLICIT, 0, NULL},
    {2, offsetof(Codec3__Inner, name), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT, CSVC_FIELD_UTF8,
     NULL},
    {3, offsetof(Codec3__Inner, inner), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &codec3__inner__type},
    {4, offsetof(Codec3__Inner, list), offsetof(Codec3__Inner, n_list), CSVC_KIND_INT32,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {5, offsetof(Codec3__Inner, left), offsetof(Codec3__Inner, choice_case), CSVC_KIND_STRING,
     CSVC_LABEL_ONEOF, CSVC_FIELD_UTF8, NULL},
    {6, offsetof(Codec3__Inner, right), offsetof(Codec3__Inner, choice_case), CSVC_KIND_MESSAGE,
     CSVC_LABEL_ONEOF, 0, &codec3__inner__type},
};
const csvc_message_type codec3__inner__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec3__Inner),
    .n_fields = 6,
    .n_dense = 6,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = 0,
    .descriptor = &codec3__inner__descriptor,
    .initial = &codec3__inner__initial,
    .fields = codec3__inner__fields,
    .json_names = NULL,
};

static const Codec3__All codec3__all__initial = CODEC3__ALL__INIT;
static const csvc_field codec3__all__fields[] = {
    {1, offsetof(Codec3__All, i32), 0, CSVC_KIND_INT32, CSVC_LABEL_IMPLICIT, 0, NULL},
    {2, offsetof(Codec3__All, i64), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0, NULL},
    {3, offsetof(Codec3__All, u32), 0, CSVC_KIND_UINT32, CSVC_LABEL_IMPLICIT, 0, NULL},
    {4, offsetof(Codec3__All, u64), 0, CSVC_KIND_UINT64, CSVC_LABEL_IMPLICIT, 0, NULL},
    {5, offsetof(Codec3__All, s32), 0, CSVC_KIND_SINT32, CSVC_LABEL_IMPLICIT, 0, NULL},
    {6, offsetof(Codec3__All, s64), 0, CSVC_KIND_SINT64, CSVC_LABEL_IMPLICIT, 0, NULL},
    {7, offsetof(Codec3__All, f32), 0, CSVC_KIND_FIXED32, CSVC_LABEL_IMPLICIT, 0, NULL},
    {8, offsetof(Codec3__All, f64), 0, CSVC_KIND_FIXED64, CSVC_LABEL_IMPLICIT, 0, NULL},
    {9, offsetof(Codec3__All, sf32), 0, CSVC_KIND_SFIXED32, CSVC_LABEL_IMPLICIT, 0, NULL},
    {10, offsetof(Codec3__All, sf64), 0, CSVC_KIND_SFIXED64, CSVC_LABEL_IMPLICIT, 0, NULL},
    {11, offsetof(Codec3__All, flt), 0, CSVC_KIND_FLOAT, CSVC_LABEL_IMPLICIT, 0, NULL},
    {12, offsetof(Codec3__All, dbl), 0, CSVC_KIND_DOUBLE, CSVC_LABEL_IMPLICIT, 0, NULL},
    {13, offsetof(Codec3__All, flag), 0, CSVC_KIND_BOOL, CSVC_LABEL_IMPLICIT, 0, NULL},
    {14, offsetof(Codec3__All, color), 0, CSVC_KIND_ENUM, CSVC_LABEL_IMPLICIT, 0,
     &codec3__color__descriptor},
    {15, offsetof(Codec3__All, text), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT, CSVC_FIELD_UTF8,
     NULL},
    {16, offsetof(Codec3__All, data), 0, CSVC_KIND_BYTES, CSVC_LABEL_IMPLICIT, 0, NULL},
    {17, offsetof(Codec3__All, inner), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &codec3__inner__type},
    {20, offsetof(Codec3__All, r_i32), offsetof(Codec3__All, n_r_i32), CSVC_KIND_INT32,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {21, offsetof(Codec3__All, r_i64), offsetof(Codec3__All, n_r_i64), CSVC_KIND_INT64,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {22, offsetof(Codec3__All, r_u32), offsetof(Codec3__All, n_r_u32), CSVC_KIND_UINT32,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {23, offsetof(Codec3__All, r_u64), offsetof(Codec3__All, n_r_u64), CSVC_KIND_UINT64,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {24, offsetof(Codec3__All, r_s32), offsetof(Codec3__All, n_r_s32), CSVC_KIND_SINT32,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {25, offsetof(Codec3__All, r_s64), offsetof(Codec3__All, n_r_s64), CSVC_KIND_SINT64,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {26, offsetof(Codec3__All, r_f32), offsetof(Codec3__All, n_r_f32), CSVC_KIND_FIXED32,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {27, offsetof(Codec3__All, r_f64), offsetof(Codec3__All, n_r_f64), CSVC_KIND_FIXED64,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {28, offsetof(Codec3__All, r_sf32), offsetof(Codec3__All, n_r_sf32), CSVC_KIND_SFIXED32,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {29, offsetof(Codec3__All, r_sf64), offsetof(Codec3__All, n_r_sf64), CSVC_KIND_SFIXED64,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {30, offsetof(Codec3__All, r_flt), offsetof(Codec3__All, n_r_flt), CSVC_KIND_FLOAT,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {31, offsetof(Codec3__All, r_dbl), offsetof(Codec3__All, n_r_dbl), CSVC_KIND_DOUBLE,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {32, offsetof(Codec3__All, r_flag), offsetof(Codec3__All, n_r_flag), CSVC_KIND_BOOL,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, NULL},
    {33, offsetof(Codec3__All, r_color), offsetof(Codec3__All, n_r_color), CSVC_KIND_ENUM,
     CSVC_LABEL_REPEATED, CSVC_FIELD_PACKED, &codec3__color__descriptor},
    {34, offsetof(Codec3__All, r_text), offsetof(Codec3__All, n_r_text), CSVC_KIND_STRING,
     CSVC_LABEL_REPEATED, CSVC_FIELD_UTF8, NULL},
    {35, offsetof(Codec3__All, r_data), offsetof(Codec3__All, n_r_data), CSVC_KIND_BYTES,
     CSVC_LABEL_REPEATED, 0, NULL},
    {36, offsetof(Codec3__All, r_inner), offsetof(Codec3__All, n_r_inner), CSVC_KIND_MESSAGE,
     CSVC_LABEL_REPEATED, 0, &codec3__inner__type},
    {37, offsetof(Codec3__All, u_i32), offsetof(Codec3__All, n_u_i32), CSVC_KIND_INT32,
     CSVC_LABEL_REPEATED, 0, NULL},
    {41, offsetof(Codec3__All, o_i32), offsetof(Codec3__All, _o_i32_case), CSVC_KIND_INT32,
     CSVC_LABEL_ONEOF, CSVC_FIELD_PRESENCE, NULL},
    {42, offsetof(Codec3__All, o_text), offsetof(Codec3__All, _o_text_case), CSVC_KIND_STRING,
     CSVC_LABEL_ONEOF, CSVC_FIELD_UTF8 | CSVC_FIELD_PRESENCE, NULL},
    {43, offsetof(Codec3__All, o_data), offsetof(Codec3__All, _o_data_case), CSVC_KIND_BYTES,
     CSVC_LABEL_ONEOF, CSVC_FIELD_PRESENCE, NULL},
    {44, offsetof(Codec3__All, o_inner), offsetof(Codec3__All, _o_inner_case), CSVC_KIND_MESSAGE,
     CSVC_LABEL_ONEOF, CSVC_FIELD_PRESENCE, &codec3__inner__type},
    {45, offsetof(Codec3__All, o_color), offsetof(Codec3__All, _o_color_case), CSVC_KIND_ENUM,
     CSVC_LABEL_ONEOF, CSVC_FIELD_PRESENCE, &codec3__color__descriptor},
    {46, offsetof(Codec3__All, o_flag), offsetof(Codec3__All, _o_flag_case), CSVC_KIND_BOOL,
     CSVC_LABEL_ONEOF, CSVC_FIELD_PRESENCE, NULL},
    {47, offsetof(Codec3__All, o_dbl), offsetof(Codec3__All, _o_dbl_case), CSVC_KIND_DOUBLE,
     CSVC_LABEL_ONEOF, CSVC_FIELD_PRESENCE, NULL},
    {51, offsetof(Codec3__All, c_i32), offsetof(Codec3__All, choice_case), CSVC_KIND_INT32,
     CSVC_LABEL_ONEOF, 0, NULL},
    {52, offsetof(Codec3__All, c_text), offsetof(Codec3__All, choice_case), CSVC_KIND_STRING,
     CSVC_LABEL_ONEOF, CSVC_FIELD_UTF8, NULL},
    {53, offsetof(Codec3__All, c_data), offsetof(Codec3__All, choice_case), CSVC_KIND_BYTES,
     CSVC_LABEL_ONEOF, 0, NULL},
    {54, offsetof(Codec3__All, c_inner), offsetof(Codec3__All, choice_case), CSVC_KIND_MESSAGE,
     CSVC_LABEL_ONEOF, 0, &codec3__inner__type},
    {55, offsetof(Codec3__All, c_color), offsetof(Codec3__All, choice_case), CSVC_KIND_ENUM,
     CSVC_LABEL_ONEOF, 0, &codec3__color__descriptor},
    {56, offsetof(Codec3__All, c_dbl), offsetof(Codec3__All, choice_case), CSVC_KIND_DOUBLE,
     CSVC_LABEL_ONEOF, 0, NULL},
    {57, offsetof(Codec3__All, c_flag), offsetof(Codec3__All, choice_case), CSVC_KIND_BOOL,
     CSVC_LABEL_ONEOF, 0, NULL},
    {58, offsetof(Codec3__All, c_u64), offsetof(Codec3__All, choice_case), CSVC_KIND_UINT64,
     CSVC_LABEL_ONEOF, 0, NULL},
    {61, offsetof(Codec3__All, m_text), offsetof(Codec3__All, n_m_text), CSVC_KIND_MESSAGE,
     CSVC_LABEL_REPEATED, CSVC_FIELD_MAP, &codec3__all__mtext_entry__type},
    {62, offsetof(Codec3__All, m_inner), offsetof(Codec3__All, n_m_inner), CSVC_KIND_MESSAGE,
     CSVC_LABEL_REPEATED, CSVC_FIELD_MAP, &codec3__all__minner_entry__type},
    {63, offsetof(Codec3__All, m_color), offsetof(Codec3__All, n_m_color), CSVC_KIND_MESSAGE,
     CSVC_LABEL_REPEATED, CSVC_FIELD_MAP, &codec3__all__mcolor_entry__type},
    {64, offsetof(Codec3__All, m_dbl), offsetof(Codec3__All, n_m_dbl), CSVC_KIND_MESSAGE,
     CSVC_LABEL_REPEATED, CSVC_FIELD_MAP, &codec3__all__mdbl_entry__type},
    {65, offsetof(Codec3__All, m_data), offsetof(Codec3__All, n_m_data), CSVC_KIND_MESSAGE,
     CSVC_LABEL_REPEATED, CSVC_FIELD_MAP, &codec3__all__mdata_entry__type},
    {66, offsetof(Codec3__All, m_flag), offsetof(Codec3__All, n_m_flag), CSVC_KIND_MESSAGE,
     CSVC_LABEL_REPEATED, CSVC_FIELD_MAP, &codec3__all__mflag_entry__type},
    {100, offsetof(Codec3__All, renamed_field), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
    {5000, offsetof(Codec3__All, snake_case_2x), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
    {536870911, offsetof(Codec3__All, far), 0, CSVC_KIND_INT32, CSVC_LABEL_IMPLICIT, 0, NULL},
};
static const char *const codec3__all__json_names[] = {
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,       NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,       NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL,       NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "odd-name", NULL, NULL};
const csvc_message_type codec3__all__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec3__All),
    .n_fields = 59,
    .n_dense = 17,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = 0,
    .descriptor = &codec3__all__descriptor,
    .initial = &codec3__all__initial,
    .fields = codec3__all__fields,
    .json_names = codec3__all__json_names,
};

static const Codec3__All__MTextEntry codec3__all__mtext_entry__initial =
    CODEC3__ALL__MTEXT_ENTRY__INIT;
static const csvc_field codec3__all__mtext_entry__fields[] = {
    {1, offsetof(Codec3__All__MTextEntry, key), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
    {2, offsetof(Codec3__All__MTextEntry, value), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
};
const csvc_message_type codec3__all__mtext_entry__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec3__All__MTextEntry),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = CSVC_MESSAGE_MAP_ENTRY,
    .descriptor = &codec3__all__mtext_entry__descriptor,
    .initial = &codec3__all__mtext_entry__initial,
    .fields = codec3__all__mtext_entry__fields,
    .json_names = NULL,
};

static const Codec3__All__MInnerEntry codec3__all__minner_entry__initial =
    CODEC3__ALL__MINNER_ENTRY__INIT;
static const csvc_field codec3__all__minner_entry__fields[] = {
    {1, offsetof(Codec3__All__MInnerEntry, key), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0, NULL},
    {2, offsetof(Codec3__All__MInnerEntry, value), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &codec3__inner__type},
};
const csvc_message_type codec3__all__minner_entry__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec3__All__MInnerEntry),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = CSVC_MESSAGE_MAP_ENTRY,
    .descriptor = &codec3__all__minner_entry__descriptor,
    .initial = &codec3__all__minner_entry__initial,
    .fields = codec3__all__minner_entry__fields,
    .json_names = NULL,
};

static const Codec3__All__MColorEntry codec3__all__mcolor_entry__initial =
    CODEC3__ALL__MCOLOR_ENTRY__INIT;
static const csvc_field codec3__all__mcolor_entry__fields[] = {
    {1, offsetof(Codec3__All__MColorEntry, key), 0, CSVC_KIND_BOOL, CSVC_LABEL_IMPLICIT, 0, NULL},
    {2, offsetof(Codec3__All__MColorEntry, value), 0, CSVC_KIND_ENUM, CSVC_LABEL_IMPLICIT, 0,
     &codec3__color__descriptor},
};
const csvc_message_type codec3__all__mcolor_entry__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec3__All__MColorEntry),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = CSVC_MESSAGE_MAP_ENTRY,
    .descriptor = &codec3__all__mcolor_entry__descriptor,
    .initial = &codec3__all__mcolor_entry__initial,
    .fields = codec3__all__mcolor_entry__fields,
    .json_names = NULL,
};

static const Codec3__All__MDblEntry codec3__all__mdbl_entry__initial =
    CODEC3__ALL__MDBL_ENTRY__INIT;
static const csvc_field codec3__all__mdbl_entry__fields[] = {
    {1, offsetof(Codec3__All__MDblEntry, key), 0, CSVC_KIND_UINT32, CSVC_LABEL_IMPLICIT, 0, NULL},
    {2, offsetof(Codec3__All__MDblEntry, value), 0, CSVC_KIND_DOUBLE, CSVC_LABEL_IMPLICIT, 0, NULL},
};
const csvc_message_type codec3__all__mdbl_entry__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec3__All__MDblEntry),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = CSVC_MESSAGE_MAP_ENTRY,
    .descriptor = &codec3__all__mdbl_entry__descriptor,
    .initial = &codec3__all__mdbl_entry__initial,
    .fields = codec3__all__mdbl_entry__fields,
    .json_names = NULL,
};

static const Codec3__All__MDataEntry codec3__all__mdata_entry__initial =
    CODEC3__ALL__MDATA_ENTRY__INIT;
static const csvc_field codec3__all__mdata_entry__fields[] = {
    {1, offsetof(Codec3__All__MDataEntry, key), 0, CSVC_KIND_SFIXED64, CSVC_LABEL_IMPLICIT, 0,
     NULL},
    {2, offsetof(Codec3__All__MDataEntry, value), 0, CSVC_KIND_BYTES, CSVC_LABEL_IMPLICIT, 0, NULL},
};
const csvc_message_type codec3__all__mdata_entry__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec3__All__MDataEntry),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = CSVC_MESSAGE_MAP_ENTRY,
    .descriptor = &codec3__all__mdata_entry__descriptor,
    .initial = &codec3__all__mdata_entry__initial,
    .fields = codec3__all__mdata_entry__fields,
    .json_names = NULL,
};

static const Codec3__All__MFlagEntry codec3__all__mflag_entry__initial =
    CODEC3__ALL__MFLAG_ENTRY__INIT;
static const csvc_field codec3__all__mflag_entry__fields[] = {
    {1, offsetof(Codec3__All__MFlagEntry, key), 0, CSVC_KIND_SINT32, CSVC_LABEL_IMPLICIT, 0, NULL},
    {2, offsetof(Codec3__All__MFlagEntry, value), 0, CSVC_KIND_BOOL, CSVC_LABEL_IMPLICIT, 0, NULL},
};
const csvc_message_type codec3__all__mflag_entry__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec3__All__MFlagEntry),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = CSVC_MESSAGE_MAP_ENTRY,
    .descriptor = &codec3__all__mflag_entry__descriptor,
    .initial = &codec3__all__mflag_entry__initial,
    .fields = codec3__all__mflag_entry__fields,
    .json_names = NULL,
};

static const Codec3__Empty codec3__empty__initial = CODEC3__EMPTY__INIT;
const csvc_message_type codec3__empty__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec3__Empty),
    .n_fields = 0,
    .n_dense = 0,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = 0,
    .descriptor = &codec3__empty__descriptor,
    .initial = &codec3__empty__initial,
    .fields = NULL,
    .json_names = NULL,
};

static const Codec3__Deep codec3__deep__initial = CODEC3__DEEP__INIT;
static const csvc_field codec3__deep__fields[] = {
    {1, offsetof(Codec3__Deep, deep), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &codec3__deep__type},
};
const csvc_message_type codec3__deep__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Codec3__Deep),
    .n_fields = 1,
    .n_dense = 1,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = 0,
    .descriptor = &codec3__deep__descriptor,
    .initial = &codec3__deep__initial,
    .fields = codec3__deep__fields,
    .json_names = NULL,
};

static const Google__Protobuf__Any google__protobuf__any__initial = GOOGLE__PROTOBUF__ANY__INIT;
static const csvc_field google__protobuf__any__fields[] = {
    {1, offsetof(Google__Protobuf__Any, type_url), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
    {2, offsetof(Google__Protobuf__Any, value), 0, CSVC_KIND_BYTES, CSVC_LABEL_IMPLICIT, 0, NULL},
};
const csvc_message_type google__protobuf__any__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__Any),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 3,
    .well_known = CSVC_WKT_ANY,
    .flags = 0,
    .descriptor = &google__protobuf__any__descriptor,
    .initial = &google__protobuf__any__initial,
    .fields = google__protobuf__any__fields,
    .json_names = NULL,
};

static const Google__Protobuf__Duration google__protobuf__duration__initial =
    GOOGLE__PROTOBUF__DURATION__INIT;
static const csvc_field google__protobuf__duration__fields[] = {
    {1, offsetof(Google__Protobuf__Duration, seconds), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0,
     NULL},
    {2, offsetof(Google__Protobuf__Duration, nanos), 0, CSVC_KIND_INT32, CSVC_LABEL_IMPLICIT, 0,
     NULL},
};
const csvc_message_type google__protobuf__duration__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__Duration),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 3,
    .well_known = CSVC_WKT_DURATION,
    .flags = 0,
    .descriptor = &google__protobuf__duration__descriptor,
    .initial = &google__protobuf__duration__initial,
    .fields = google__protobuf__duration__fields,
    .json_names = NULL,
};

static const Google__Protobuf__Empty google__protobuf__empty__initial =
    GOOGLE__PROTOBUF__EMPTY__INIT;
const csvc_message_type google__protobuf__empty__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__Empty),
    .n_fields = 0,
    .n_dense = 0,
    .syntax = 3,
    .well_known = CSVC_WKT_EMPTY,
    .flags = 0,
    .descriptor = &google__protobuf__empty__descriptor,
    .initial = &google__protobuf__empty__initial,
    .fields = NULL,
    .json_names = NULL,
};

static const Google__Protobuf__FieldMask google__protobuf__field_mask__initial =
    GOOGLE__PROTOBUF__FIELD_MASK__INIT;
static const csvc_field google__protobuf__field_mask__fields[] = {
    {1, offsetof(Google__Protobuf__FieldMask, paths),
     offsetof(Google__Protobuf__FieldMask, n_paths), CSVC_KIND_STRING, CSVC_LABEL_REPEATED,
     CSVC_FIELD_UTF8, NULL},
};
const csvc_message_type google__protobuf__field_mask__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__FieldMask),
    .n_fields = 1,
    .n_dense = 1,
    .syntax = 3,
    .well_known = CSVC_WKT_FIELD_MASK,
    .flags = 0,
    .descriptor = &google__protobuf__field_mask__descriptor,
    .initial = &google__protobuf__field_mask__initial,
    .fields = google__protobuf__field_mask__fields,
    .json_names = NULL,
};

static const Google__Protobuf__Struct google__protobuf__struct__initial =
    GOOGLE__PROTOBUF__STRUCT__INIT;
static const csvc_field google__protobuf__struct__fields[] = {
    {1, offsetof(Google__Protobuf__Struct, fields), offsetof(Google__Protobuf__Struct, n_fields),
     CSVC_KIND_MESSAGE, CSVC_LABEL_REPEATED, CSVC_FIELD_MAP,
     &google__protobuf__struct__fields_entry__type},
};
const csvc_message_type google__protobuf__struct__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__Struct),
    .n_fields = 1,
    .n_dense = 1,
    .syntax = 3,
    .well_known = CSVC_WKT_STRUCT,
    .flags = 0,
    .descriptor = &google__protobuf__struct__descriptor,
    .initial = &google__protobuf__struct__initial,
    .fields = google__protobuf__struct__fields,
    .json_names = NULL,
};

static const Google__Protobuf__Struct__FieldsEntry google__protobuf__struct__fields_entry__initial =
    GOOGLE__PROTOBUF__STRUCT__FIELDS_ENTRY__INIT;
static const csvc_field google__protobuf__struct__fields_entry__fields[] = {
    {1, offsetof(Google__Protobuf__Struct__FieldsEntry, key), 0, CSVC_KIND_STRING,
     CSVC_LABEL_IMPLICIT, CSVC_FIELD_UTF8, NULL},
    {2, offsetof(Google__Protobuf__Struct__FieldsEntry, value), 0, CSVC_KIND_MESSAGE,
     CSVC_LABEL_OPTIONAL, 0, &google__protobuf__value__type},
};
const csvc_message_type google__protobuf__struct__fields_entry__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__Struct__FieldsEntry),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = CSVC_MESSAGE_MAP_ENTRY,
    .descriptor = &google__protobuf__struct__fields_entry__descriptor,
    .initial = &google__protobuf__struct__fields_entry__initial,
    .fields = google__protobuf__struct__fields_entry__fields,
    .json_names = NULL,
};

static const Google__Protobuf__Value google__protobuf__value__initial =
    GOOGLE__PROTOBUF__VALUE__INIT;
static const csvc_field google__protobuf__value__fields[] = {
    {1, offsetof(Google__Protobuf__Value, null_value), offsetof(Google__Protobuf__Value, kind_case),
     CSVC_KIND_ENUM, CSVC_LABEL_ONEOF, 0, &google__protobuf__null_value__descriptor},
    {2, offsetof(Google__Protobuf__Value, number_value),
     offsetof(Google__Protobuf__Value, kind_case), CSVC_KIND_DOUBLE, CSVC_LABEL_ONEOF, 0, NULL},
    {3, offsetof(Google__Protobuf__Value, string_value),
     offsetof(Google__Protobuf__Value, kind_case), CSVC_KIND_STRING, CSVC_LABEL_ONEOF,
     CSVC_FIELD_UTF8, NULL},
    {4, offsetof(Google__Protobuf__Value, bool_value), offsetof(Google__Protobuf__Value, kind_case),
     CSVC_KIND_BOOL, CSVC_LABEL_ONEOF, 0, NULL},
    {5, offsetof(Google__Protobuf__Value, struct_value),
     offsetof(Google__Protobuf__Value, kind_case), CSVC_KIND_MESSAGE, CSVC_LABEL_ONEOF, 0,
     &google__protobuf__struct__type},
    {6, offsetof(Google__Protobuf__Value, list_value), offsetof(Google__Protobuf__Value, kind_case),
     CSVC_KIND_MESSAGE, CSVC_LABEL_ONEOF, 0, &google__protobuf__list_value__type},
};
const csvc_message_type google__protobuf__value__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__Value),
    .n_fields = 6,
    .n_dense = 6,
    .syntax = 3,
    .well_known = CSVC_WKT_VALUE,
    .flags = 0,
    .descriptor = &google__protobuf__value__descriptor,
    .initial = &google__protobuf__value__initial,
    .fields = google__protobuf__value__fields,
    .json_names = NULL,
};

static const Google__Protobuf__ListValue google__protobuf__list_value__initial =
    GOOGLE__PROTOBUF__LIST_VALUE__INIT;
static const csvc_field google__protobuf__list_value__fields[] = {
    {1, offsetof(Google__Protobuf__ListValue, values),
     offsetof(Google__Protobuf__ListValue, n_values), CSVC_KIND_MESSAGE, CSVC_LABEL_REPEATED, 0,
     &google__protobuf__value__type},
};
const csvc_message_type google__protobuf__list_value__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__ListValue),
    .n_fields = 1,
    .n_dense = 1,
    .syntax = 3,
    .well_known = CSVC_WKT_LIST_VALUE,
    .flags = 0,
    .descriptor = &google__protobuf__list_value__descriptor,
    .initial = &google__protobuf__list_value__initial,
    .fields = google__protobuf__list_value__fields,
    .json_names = NULL,
};

static const Google__Protobuf__Timestamp google__protobuf__timestamp__initial =
    GOOGLE__PROTOBUF__TIMESTAMP__INIT;
static const csvc_field google__protobuf__timestamp__fields[] = {
    {1, offsetof(Google__Protobuf__Timestamp, seconds), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0,
     NULL},
    {2, offsetof(Google__Protobuf__Timestamp, nanos), 0, CSVC_KIND_INT32, CSVC_LABEL_IMPLICIT, 0,
     NULL},
};
const csvc_message_type google__protobuf__timestamp__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__Timestamp),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 3,
    .well_known = CSVC_WKT_TIMESTAMP,
    .flags = 0,
    .descriptor = &google__protobuf__timestamp__descriptor,
    .initial = &google__protobuf__timestamp__initial,
    .fields = google__protobuf__timestamp__fields,
    .json_names = NULL,
};

static const Google__Protobuf__DoubleValue google__protobuf__double_value__initial =
    GOOGLE__PROTOBUF__DOUBLE_VALUE__INIT;
static const csvc_field google__protobuf__double_value__fields[] = {
    {1, offsetof(Google__Protobuf__DoubleValue, value), 0, CSVC_KIND_DOUBLE, CSVC_LABEL_IMPLICIT, 0,
     NULL},
};
const csvc_message_type google__protobuf__double_value__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__DoubleValue),
    .n_fields = 1,
    .n_dense = 1,
    .syntax = 3,
    .well_known = CSVC_WKT_WRAPPER,
    .flags = 0,
    .descriptor = &google__protobuf__double_value__descriptor,
    .initial = &google__protobuf__double_value__initial,
    .fields = google__protobuf__double_value__fields,
    .json_names = NULL,
};

static const Google__Protobuf__FloatValue google__protobuf__float_value__initial =
    GOOGLE__PROTOBUF__FLOAT_VALUE__INIT;
static const csvc_field google__protobuf__float_value__fields[] = {
    {1, offsetof(Google__Protobuf__FloatValue, value), 0, CSVC_KIND_FLOAT, CSVC_LABEL_IMPLICIT, 0,
     NULL},
};
const csvc_message_type google__protobuf__float_value__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__FloatValue),
    .n_fields = 1,
    .n_dense = 1,
    .syntax = 3,
    .well_known = CSVC_WKT_WRAPPER,
    .flags = 0,
    .descriptor = &google__protobuf__float_value__descriptor,
    .initial = &google__protobuf__float_value__initial,
    .fields = google__protobuf__float_value__fields,
    .json_names = NULL,
};

static const Google__Protobuf__Int64Value google__protobuf__int64_value__initial =
    GOOGLE__PROTOBUF__INT64_VALUE__INIT;
static const csvc_field google__protobuf__int64_value__fields[] = {
    {1, offsetof(Google__Protobuf__Int64Value, value), 0, CSVC_KIND_INT64, CSVC_LABEL_IMPLICIT, 0,
     NULL},
};
const csvc_message_type google__protobuf__int64_value__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__Int64Value),
    .n_fields = 1,
    .n_dense = 1,
    .syntax = 3,
    .well_known = CSVC_WKT_WRAPPER,
    .flags = 0,
    .descriptor = &google__protobuf__int64_value__descriptor,
    .initial = &google__protobuf__int64_value__initial,
    .fields = google__protobuf__int64_value__fields,
    .json_names = NULL,
};

static const Google__Protobuf__UInt64Value google__protobuf__uint64_value__initial =
    GOOGLE__PROTOBUF__UINT64_VALUE__INIT;
static const csvc_field google__protobuf__uint64_value__fields[] = {
    {1, offsetof(Google__Protobuf__UInt64Value, value), 0, CSVC_KIND_UINT64, CSVC_LABEL_IMPLICIT, 0,
     NULL},
};
const csvc_message_type google__protobuf__uint64_value__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__UInt64Value),
    .n_fields = 1,
    .n_dense = 1,
    .syntax = 3,
    .well_known = CSVC_WKT_WRAPPER,
    .flags = 0,
    .descriptor = &google__protobuf__uint64_value__descriptor,
    .initial = &google__protobuf__uint64_value__initial,
    .fields = google__protobuf__uint64_value__fields,
    .json_names = NULL,
};

static const Google__Protobuf__Int32Value google__protobuf__int32_value__initial =
    GOOGLE__PROTOBUF__INT32_VALUE__INIT;
static const csvc_field google__protobuf__int32_value__fields[] = {
    {1, offsetof(Google__Protobuf__Int32Value, value), 0, CSVC_KIND_INT32, CSVC_LABEL_IMPLICIT, 0,
     NULL},
};
const csvc_message_type google__protobuf__int32_value__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__Int32Value),
    .n_fields = 1,
    .n_dense = 1,
    .syntax = 3,
    .well_known = CSVC_WKT_WRAPPER,
    .flags = 0,
    .descriptor = &google__protobuf__int32_value__descriptor,
    .initial = &google__protobuf__int32_value__initial,
    .fields = google__protobuf__int32_value__fields,
    .json_names = NULL,
};

static const Google__Protobuf__UInt32Value google__protobuf__uint32_value__initial =
    GOOGLE__PROTOBUF__UINT32_VALUE__INIT;
static const csvc_field google__protobuf__uint32_value__fields[] = {
    {1, offsetof(Google__Protobuf__UInt32Value, value), 0, CSVC_KIND_UINT32, CSVC_LABEL_IMPLICIT, 0,
     NULL},
};
const csvc_message_type google__protobuf__uint32_value__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__UInt32Value),
    .n_fields = 1,
    .n_dense = 1,
    .syntax = 3,
    .well_known = CSVC_WKT_WRAPPER,
    .flags = 0,
    .descriptor = &google__protobuf__uint32_value__descriptor,
    .initial = &google__protobuf__uint32_value__initial,
    .fields = google__protobuf__uint32_value__fields,
    .json_names = NULL,
};

static const Google__Protobuf__BoolValue google__protobuf__bool_value__initial =
    GOOGLE__PROTOBUF__BOOL_VALUE__INIT;
static const csvc_field google__protobuf__bool_value__fields[] = {
    {1, offsetof(Google__Protobuf__BoolValue, value), 0, CSVC_KIND_BOOL, CSVC_LABEL_IMPLICIT, 0,
     NULL},
};
const csvc_message_type google__protobuf__bool_value__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__BoolValue),
    .n_fields = 1,
    .n_dense = 1,
    .syntax = 3,
    .well_known = CSVC_WKT_WRAPPER,
    .flags = 0,
    .descriptor = &google__protobuf__bool_value__descriptor,
    .initial = &google__protobuf__bool_value__initial,
    .fields = google__protobuf__bool_value__fields,
    .json_names = NULL,
};

static const Google__Protobuf__StringValue google__protobuf__string_value__initial =
    GOOGLE__PROTOBUF__STRING_VALUE__INIT;
static const csvc_field google__protobuf__string_value__fields[] = {
    {1, offsetof(Google__Protobuf__StringValue, value), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
};
const csvc_message_type google__protobuf__string_value__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__StringValue),
    .n_fields = 1,
    .n_dense = 1,
    .syntax = 3,
    .well_known = CSVC_WKT_WRAPPER,
    .flags = 0,
    .descriptor = &google__protobuf__string_value__descriptor,
    .initial = &google__protobuf__string_value__initial,
    .fields = google__protobuf__string_value__fields,
    .json_names = NULL,
};

static const Google__Protobuf__BytesValue google__protobuf__bytes_value__initial =
    GOOGLE__PROTOBUF__BYTES_VALUE__INIT;
static const csvc_field google__protobuf__bytes_value__fields[] = {
    {1, offsetof(Google__Protobuf__BytesValue, value), 0, CSVC_KIND_BYTES, CSVC_LABEL_IMPLICIT, 0,
     NULL},
};
const csvc_message_type google__protobuf__bytes_value__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(Google__Protobuf__BytesValue),
    .n_fields = 1,
    .n_dense = 1,
    .syntax = 3,
    .well_known = CSVC_WKT_WRAPPER,
    .flags = 0,
    .descriptor = &google__protobuf__bytes_value__descriptor,
    .initial = &google__protobuf__bytes_value__initial,
    .fields = google__protobuf__bytes_value__fields,
    .json_names = NULL,
};

static const CodecWkt__Known codec_wkt__known__initial = CODEC_WKT__KNOWN__INIT;
static const csvc_field codec_wkt__known__fields[] = {
    {1, offsetof(CodecWkt__Known, any), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__any__type},
    {2, offsetof(CodecWkt__Known, duration), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__duration__type},
    {3, offsetof(CodecWkt__Known, empty), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__empty__type},
    {4, offsetof(CodecWkt__Known, mask), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__field_mask__type},
    {5, offsetof(CodecWkt__Known, struct_), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__struct__type},
    {6, offsetof(CodecWkt__Known, value), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__value__type},
    {7, offsetof(CodecWkt__Known, list), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__list_value__type},
    {8, offsetof(CodecWkt__Known, null), 0, CSVC_KIND_ENUM, CSVC_LABEL_IMPLICIT, 0,
     &google__protobuf__null_value__descriptor},
    {9, offsetof(CodecWkt__Known, time), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__timestamp__type},
    {11, offsetof(CodecWkt__Known, w_dbl), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__double_value__type},
    {12, offsetof(CodecWkt__Known, w_flt), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__float_value__type},
    {13, offsetof(CodecWkt__Known, w_i64), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__int64_value__type},
    {14, offsetof(CodecWkt__Known, w_u64), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__uint64_value__type},
    {15, offsetof(CodecWkt__Known, w_i32), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__int32_value__type},
    {16, offsetof(CodecWkt__Known, w_u32), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__uint32_value__type},
    {17, offsetof(CodecWkt__Known, w_flag), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__bool_value__type},
    {18, offsetof(CodecWkt__Known, w_text), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__string_value__type},
    {19, offsetof(CodecWkt__Known, w_data), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__bytes_value__type},
    {20, offsetof(CodecWkt__Known, times), offsetof(CodecWkt__Known, n_times), CSVC_KIND_MESSAGE,
     CSVC_LABEL_REPEATED, 0, &google__protobuf__timestamp__type},
    {21, offsetof(CodecWkt__Known, values), offsetof(CodecWkt__Known, n_values), CSVC_KIND_MESSAGE,
     CSVC_LABEL_REPEATED, CSVC_FIELD_MAP, &codec_wkt__known__values_entry__type},
    {22, offsetof(CodecWkt__Known, c_null), offsetof(CodecWkt__Known, choice_case), CSVC_KIND_ENUM,
     CSVC_LABEL_ONEOF, 0, &google__protobuf__null_value__descriptor},
    {23, offsetof(CodecWkt__Known, c_value), offsetof(CodecWkt__Known, choice_case),
     CSVC_KIND_MESSAGE, CSVC_LABEL_ONEOF, 0, &google__protobuf__value__type},
};
const csvc_message_type codec_wkt__known__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(CodecWkt__Known),
    .n_fields = 22,
    .n_dense = 9,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = 0,
    .descriptor = &codec_wkt__known__descriptor,
    .initial = &codec_wkt__known__initial,
    .fields = codec_wkt__known__fields,
    .json_names = NULL,
};

static const CodecWkt__Known__ValuesEntry codec_wkt__known__values_entry__initial =
    CODEC_WKT__KNOWN__VALUES_ENTRY__INIT;
static const csvc_field codec_wkt__known__values_entry__fields[] = {
    {1, offsetof(CodecWkt__Known__ValuesEntry, key), 0, CSVC_KIND_STRING, CSVC_LABEL_IMPLICIT,
     CSVC_FIELD_UTF8, NULL},
    {2, offsetof(CodecWkt__Known__ValuesEntry, value), 0, CSVC_KIND_MESSAGE, CSVC_LABEL_OPTIONAL, 0,
     &google__protobuf__value__type},
};
const csvc_message_type codec_wkt__known__values_entry__type = {
    .struct_size = sizeof(csvc_message_type),
    .size = sizeof(CodecWkt__Known__ValuesEntry),
    .n_fields = 2,
    .n_dense = 2,
    .syntax = 3,
    .well_known = CSVC_WKT_NONE,
    .flags = CSVC_MESSAGE_MAP_ENTRY,
    .descriptor = &codec_wkt__known__values_entry__descriptor,
    .initial = &codec_wkt__known__values_entry__initial,
    .fields = codec_wkt__known__values_entry__fields,
    .json_names = NULL,
};
