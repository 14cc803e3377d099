/* codec/json_printer.h: what the two files that print JSON share. */
#ifndef CSVC_CODEC_JSON_PRINTER_H
#define CSVC_CODEC_JSON_PRINTER_H

#include <base/buffer.h>
#include <codec/codec.h>
#include <codec/wire.h>

/* Every function that prints returns false after a failure, with code and err set. */
struct csvc__printer {
    csvc__buffer out;
    csvc_json_options options;
    csvc_arena *a;  /* for what has to be decoded or named on the way */
    uint32_t level; /* of indentation */
    csvc_code code;
    csvc_error *err;
};

bool csvc__json_refuse(struct csvc__printer *p, const csvc_message_type *type, const char *why);
bool csvc__json_no_memory(struct csvc__printer *p);

/* "{" or "["; then csvc__json_next before each value; then "}" or "]". */
void csvc__json_open(struct csvc__printer *p, char bracket);
void csvc__json_next(struct csvc__printer *p, bool is_first);
void csvc__json_close(struct csvc__printer *p, char bracket, bool is_empty);
void csvc__json_key(struct csvc__printer *p, const char *key);

void csvc__json_double(struct csvc__printer *p, double value);
void csvc__json_base64(struct csvc__printer *p, const uint8_t *data, size_t len);

/* A message in its own JSON form; `depth` is how many more may be within it. */
bool csvc__json_message(struct csvc__printer *p, const csvc_message_type *type, const void *message,
                        uint32_t depth);

/* The fields of a message, between braces that are there already. */
bool csvc__json_fields(struct csvc__printer *p, const csvc_message_type *type, const void *message,
                       bool is_first, uint32_t depth);

/* One value of a field, at `value`; not the list of a repeated one. */
bool csvc__json_value(struct csvc__printer *p, const csvc_message_type *type,
                      const csvc_field *field, const void *value, uint32_t depth);

/* A message that has a JSON form of its own: type->well_known says which. */
bool csvc__json_well_known(struct csvc__printer *p, const csvc_message_type *type,
                           const void *message, uint32_t depth);

#endif /* CSVC_CODEC_JSON_PRINTER_H */
