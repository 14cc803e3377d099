/*
 * c-svc.yaml, any text of it: what is taken has a name, protos and folders that hold to their
 * rules; what is refused is told of in one piece, with the file's name.
 */
#include <assert.h>
#include <string.h>

#include "project/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    csvc_arena *a = csvc_arena_new(0);
    csvc_error err = {CSVC_ERROR_INIT};
    const char *better = NULL;
    config c = {0};

    assert(a != NULL);
    if (config_parse(a, "c-svc.yaml", (csvc_bytes){len, data}, &c, &err) == CSVC_OK) {
        assert(config_name_problem(a, c.name, &better) == NULL);
        assert(c.protos.len > 0 && c.protos.len <= CONFIG_MAX_PROTOS && c.include.len > 0);
        for (size_t i = 0; i < c.protos.len; i++) {
            assert(config_path_is_plain(c.protos.items[i]));
        }
    } else {
        assert(strncmp(err.text, "c-svc.yaml:", 11) == 0 && err.code != CSVC_OK);
        assert(c.name == NULL);
    }
    (void)csvc_arena_free(a);
    return 0;
}
