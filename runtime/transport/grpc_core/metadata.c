/* grpc_core/metadata.c: metadata between the seam's shape and the core's. */
#include <csvc/alloc.h>
#include <transport/grpc_core/core.h>

#include <base/banned.h>

enum {
    MAX_ENTRIES = 4096 /* far above what the layers above allow; the wire has a limit in bytes */
};

static grpc_slice copy_slice(csvc_bytes bytes)
{
    return grpc_slice_from_copied_buffer((const char *)bytes.data, bytes.len);
}

/* Grows an array of `size`d entries to hold n. */
static bool make_room(void **entries, size_t *max, size_t n, size_t size)
{
    size_t new_max = *max == 0 ? 8 : *max;
    void *grown = NULL;

    if (n <= *max) {
        return true;
    }
    if (n > MAX_ENTRIES) {
        return false;
    }
    while (new_max < n) {
        new_max *= 2;
    }
    grown = csvc__realloc(*entries, new_max * size);
    if (grown == NULL) {
        return false;
    }
    *entries = grown;
    *max = new_max;
    return true;
}

bool csvc__gc_md_out_set(gc_md_out *md, csvc_md_list list)
{
    void *entries = md->entries;

    csvc__gc_md_out_clear(md);
    if (list.n_entries == 0) {
        return true;
    }
    if (!make_room(&entries, &md->max, list.n_entries, sizeof(*md->entries))) {
        return false;
    }
    md->entries = entries;
    for (size_t i = 0; i < list.n_entries; i++) {
        md->entries[i] = (grpc_metadata){.key = copy_slice(list.entries[i].key),
                                         .value = copy_slice(list.entries[i].value)};
    }
    md->n = list.n_entries;
    return true;
}

bool csvc__gc_md_out_gzip(gc_md_out *md)
{
    void *entries = md->entries;

    if (!make_room(&entries, &md->max, md->n + 1, sizeof(*md->entries))) {
        return false;
    }
    md->entries = entries;
    md->entries[md->n++] =
        (grpc_metadata){.key = grpc_slice_from_static_string("grpc-internal-encoding-request"),
                        .value = grpc_slice_from_static_string("gzip")};
    return true;
}

void csvc__gc_md_out_clear(gc_md_out *md)
{
    for (size_t i = 0; i < md->n; i++) {
        grpc_slice_unref(md->entries[i].key);
        grpc_slice_unref(md->entries[i].value);
    }
    md->n = 0;
}

void csvc__gc_md_out_release(gc_md_out *md)
{
    csvc__gc_md_out_clear(md);
    csvc__free(md->entries);
    *md = (gc_md_out){0};
}

static csvc_bytes slice_bytes(const grpc_slice *slice)
{
    return (csvc_bytes){.len = GRPC_SLICE_LENGTH(*slice), .data = GRPC_SLICE_START_PTR(*slice)};
}

bool csvc__gc_md_in_list(gc_md_in *md, csvc_md_list *ret_list)
{
    void *view = md->view;

    if (!make_room(&view, &md->max, md->core.count, sizeof(*md->view))) {
        return false;
    }
    md->view = view;
    for (size_t i = 0; i < md->core.count; i++) {
        /* Short values lie within the core's array itself, so take their place there. */
        md->view[i] = (csvc_md){.key = slice_bytes(&md->core.metadata[i].key),
                                .value = slice_bytes(&md->core.metadata[i].value)};
    }
    *ret_list = (csvc_md_list){.entries = md->view, .n_entries = md->core.count};
    return true;
}

void csvc__gc_md_in_release(gc_md_in *md)
{
    grpc_metadata_array_destroy(&md->core);
    csvc__free(md->view);
    *md = (gc_md_in){0};
}
