/* grpc_core/identity.c: who the peer has proved to be. */
#include <base/utf8.h>
#include <csvc/alloc.h>
#include <transport/grpc_core/core.h>

#include <grpc/grpc_security.h>
#include <string.h>

#include <base/banned.h>

/* A copy of a name; NULL also for one that is no text: a NUL within could make it look like
 * another one. */
static const char *copy_name(const grpc_auth_property *property, csvc_arena *a, bool *ret_short)
{
    const char *name = NULL;

    if (!csvc__utf8_text((const uint8_t *)property->value, property->value_length)) {
        return NULL;
    }
    name = csvc_arena_strndup(a, property->value, property->value_length);
    *ret_short |= name == NULL;
    return name;
}

static size_t count(const grpc_auth_context *context, const char *key)
{
    grpc_auth_property_iterator it = grpc_auth_context_find_properties_by_name(context, key);
    size_t n = 0;

    while (grpc_auth_property_iterator_next(&it) != NULL) {
        n++;
    }
    return n;
}

static bool copy_names(const grpc_auth_context *context, csvc_arena *a, csvc_identity *identity)
{
    size_t max = count(context, GRPC_X509_SAN_PROPERTY_NAME);
    grpc_auth_property_iterator it =
        grpc_auth_context_find_properties_by_name(context, GRPC_X509_CN_PROPERTY_NAME);
    const grpc_auth_property *property = grpc_auth_property_iterator_next(&it);
    const char **names = NULL;
    bool memory_short = false;

    if (property != NULL) {
        identity->common_name = copy_name(property, a, &memory_short);
    }
    if (max > 0) {
        names = csvc_arena_alloc(a, max * sizeof(*names));
        if (names == NULL) {
            return false;
        }
    }
    it = grpc_auth_context_find_properties_by_name(context, GRPC_X509_SAN_PROPERTY_NAME);
    while (identity->n_alt_names < max &&
           (property = grpc_auth_property_iterator_next(&it)) != NULL) {
        const char *name = copy_name(property, a, &memory_short);

        if (name != NULL) {
            names[identity->n_alt_names++] = name;
        }
    }
    identity->alt_names = names;
    return !memory_short;
}

bool csvc__gc_identity(csvc_tcall *tc, csvc_arena *a, csvc_identity *ret_identity)
{
    gc_call *gc = (gc_call *)tc;
    csvc_identity identity = {0};
    grpc_auth_context *context = gc->call != NULL ? grpc_call_auth_context(gc->call) : NULL;
    bool ok = true;

    if (context != NULL) {
        ok = copy_names(context, a, &identity);
        grpc_auth_context_release(context);
    }
    if (ok) {
        *ret_identity = identity;
    }
    return ok;
}
