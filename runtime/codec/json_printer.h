/* codec/json_printer.h: what the files that print JSON share. */
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

/* ---- json_put.c: words ---- */

bool csvc__json_refuse(struct csvc__printer *p, const csvc_message_type *type, const char *why);
bool csvc__json_no_memory(struct csvc__printer *p);

/* "{" or "["; then csvc__json_next before each value; then "}" or "]". */
void csvc__json_open(struct csvc__printer *p, char bracket);
void csvc__json_next(struct csvc__printer *p, bool is_first);
void csvc__json_close(struct csvc__printer *p, char bracket, bool is_empty);
void csvc__json_key(struct csvc__printer *p, const char *key);
/* The same from an entry of a map. */
bool csvc__json_map_key(struct csvc__printer *p, const csvc_message_type *entry_type,
                        const void *entry);

/* One value that is no message, of a field of `type`. */
bool csvc__json_scalar(struct csvc__printer *p, const csvc_message_type *type,
                       const csvc_field *field, const void *value);
void csvc__json_base64(struct csvc__printer *p, const uint8_t *data, size_t len);

/* ---- json_known.c: well-known types that are one string ---- */

bool csvc__json_timestamp(struct csvc__printer *p, const csvc_message_type *type,
                          const void *message);
bool csvc__json_duration(struct csvc__printer *p, const csvc_message_type *type,
                         const void *message);
bool csvc__json_mask(struct csvc__printer *p, const csvc_message_type *type, const void *message);

#endif /* CSVC_CODEC_JSON_PRINTER_H */
