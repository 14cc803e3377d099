/*
 * codec/codec.h: what the codec offers to the layers above it, beyond csvc/message.h.
 */
#ifndef CSVC_CODEC_CODEC_H
#define CSVC_CODEC_CODEC_H

#include <csvc/message.h>

/*
 * csvc_encode for hot paths: the bytes end up in `scratch` when they fit there (at its end), else
 * in the arena. `scratch` may be NULL, 0. Of the arena just the bytes are taken, and only when they
 * did not fit.
 */
CSVC_API csvc_code csvc__encode_into(const csvc_message_type *type, const void *message,
                                     uint8_t *scratch, size_t scratch_size, csvc_arena *overflow,
                                     csvc_bytes *ret_bytes, csvc_error *err) CSVC_MUST_CHECK;

/* The field with this number, or NULL. */
CSVC_API const csvc_field *csvc__field_by_number(const csvc_message_type *type, uint32_t number);

/* The value of an enum with this number, or NULL when it has no name. */
CSVC_API const ProtobufCEnumValue *csvc__enum_value(const ProtobufCEnumDescriptor *type,
                                                    int32_t number);

/* The value with this name or alias, `len` bytes without a NUL; NULL when there is none. */
CSVC_API const ProtobufCEnumValue *csvc__enum_by_name(const ProtobufCEnumDescriptor *type,
                                                      const char *name, size_t len);

/* Base64 of either alphabet, padded or not. INVALID_ARGUMENT when it is none. */
CSVC_API csvc_code csvc__base64_read(csvc_arena *a, const char *text, size_t len,
                                     csvc_bytes *ret_bytes) CSVC_MUST_CHECK;

/* csvc_json_read for the value of one field, a whole map or list too, into a message of `type`. */
CSVC_API csvc_code csvc__json_read_field(csvc_arena *a, const csvc_message_type *type,
                                         const csvc_field *field, const char *text, size_t len,
                                         void *message, csvc_error *err) CSVC_MUST_CHECK;

/* "userId" as "user_id", as a path of a FieldMask is turned back; `ret_text` has room for twice
 * `len` and a NUL. Returns the length. */
CSVC_API size_t csvc__snake_case(const char *path, size_t len, char *ret_text);

/* Whether a field of a message is there: would be written. A repeated one is when it has values. */
CSVC_API bool csvc__field_present(const csvc_message_type *type, const csvc_field *field,
                                  const void *message);

/* The value of the field with this number; NULL when there is no such field or it is not there. */
const void *csvc__field_value(const csvc_message_type *type, const void *message, uint32_t number);

/* csvc_validate for one field, by its index; of an entity, too. */
CSVC_API csvc_code csvc__validate_field(const csvc_message_type *type, uint32_t index,
                                        const void *message, csvc_error *err) CSVC_MUST_CHECK;

/* Characters of a text in UTF-8. */
CSVC_API size_t csvc__characters(const char *text, size_t len);

#endif /* CSVC_CODEC_CODEC_H */
