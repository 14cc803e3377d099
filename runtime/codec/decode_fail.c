/* codec/decode_fail.c: why a message could not be decoded. */
#include <codec/decoder.h>

#include <base/banned.h>

CSVC__COLD bool csvc__decode_refuse(struct csvc__decoder *d, const csvc_message_type *type,
                                    const csvc_field *field, const char *why)
{
    const char *dot = "";
    const char *name = "";

    if (field != NULL) {
        dot = ".";
        name = type->descriptor->fields[field - type->fields].name;
    }
    d->code =
        csvc_error_set(d->err, CSVC_INTERNAL, "%s%s%s: %s", type->descriptor->name, dot, name, why);
    return false;
}

CSVC__COLD bool csvc__decode_no_memory(struct csvc__decoder *d)
{
    d->code = csvc_error_set(d->err, CSVC_RESOURCE_EXHAUSTED, "no memory for a message");
    return false;
}
