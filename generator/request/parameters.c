/* request/parameters.c: the text behind --c-svc_opt. */
#include "request/request.h"

#include <stdlib.h>
#include <string.h>

#include "names/names.h"

#include "base/banned.h"

static const char known[] =
    "messages=on|off, inference=1, protoc_gen_c=PATH, c_package=NAME, templates=DIR, "
    "paths=source_relative";

gen_parameters gen_parameters_default(void)
{
    return (gen_parameters){.messages = true, .inference = 1};
}

static csvc_code wrong(csvc_error *err, const char *key, const char *value, const char *wanted)
{
    return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "parameter %s is \"%.100s\", but wants %s",
                          key, value, wanted);
}

static csvc_code set(gen_parameters *parameters, const char *key, const char *value,
                     csvc_error *err)
{
    if (strcmp(key, "messages") == 0) {
        if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0) {
            return wrong(err, key, value, "on or off");
        }
        parameters->messages = strcmp(value, "on") == 0;
    } else if (strcmp(key, "inference") == 0) {
        if (strcmp(value, "1") != 0) {
            return wrong(err, key, value, "the number of a rule set: this release knows 1");
        }
        parameters->inference = 1;
    } else if (strcmp(key, "protoc_gen_c") == 0) {
        if (value[0] == '\0') {
            return wrong(err, key, value, "the path of the program protoc-gen-c");
        }
        parameters->protoc_gen_c = value;
    } else if (strcmp(key, "c_package") == 0) {
        if (!gen_name_package(value)) {
            return wrong(err, key, value, "a name such as shop or shop.internal");
        }
        parameters->c_package = value;
    } else if (strcmp(key, "templates") == 0) {
        if (value[0] == '\0') {
            return wrong(err, key, value, "a folder");
        }
        parameters->templates = value;
    } else if (strcmp(key, "paths") == 0) {
        if (strcmp(value, "source_relative") != 0) {
            return wrong(err, key, value, "source_relative");
        }
    } else {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "unknown parameter \"%.100s\"; known are: %s", key, known);
    }
    return CSVC_OK;
}

csvc_code gen_parameters_read(gen_parameters *parameters, csvc_arena *a, const char *text,
                              csvc_error *err)
{
    gen_parameters read = *parameters;
    csvc_code code = CSVC_OK;

    while (text != NULL && *text != '\0' && code == CSVC_OK) {
        size_t len = strcspn(text, ",");

        if (len > 0) { /* protoc joins with commas; an empty piece says nothing */
            char *key = csvc_arena_strndup(a, text, len);
            const char *value = "true"; /* a bare key, as plugins have it */

            if (key == NULL) {
                return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
            }
            if (strchr(key, '=') != NULL) {
                char *equals = strchr(key, '=');

                *equals = '\0';
                value = equals + 1;
            }
            code = set(&read, key, value, err);
        }
        text += len;
        text += *text == ',';
    }
    if (code == CSVC_OK) {
        *parameters = read;
    }
    return code;
}
