/*
 * .c-svc/lock.json, any text of it: what is taken has its records under their own paths; what is
 * refused is told of, and nothing is taken of it.
 */
#include <assert.h>

#include "project/lock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    csvc_arena *a = csvc_arena_new(0);
    csvc_error err = {CSVC_ERROR_INIT};
    lock l = {0};

    assert(a != NULL);
    if (lock_parse(a, LOCK_FILE, (csvc_bytes){len, data}, &l, &err) == CSVC_OK) {
        assert(l.format <= LOCK_FORMAT && l.n_files <= LOCK_MAX_FILES);
        for (size_t i = 0; i < l.n_files; i++) {
            assert(l.files[i].path != NULL && l.files[i].path[0] != '\0');
            assert(l.files[i].hash != NULL && lock_find(&l, l.files[i].path) == &l.files[i]);
        }
        for (size_t i = 0; i < l.n_generated; i++) {
            assert(l.generated[i].path != NULL && l.generated[i].hash != NULL);
        }
    } else {
        assert(err.text[0] != '\0' && err.code != CSVC_OK);
        assert(l.n_files == 0 && l.n_generated == 0);
    }
    (void)csvc_arena_free(a);
    return 0;
}
