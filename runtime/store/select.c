/* store/select.c: which columns an update is about, and lists for callers that know no pages. */
#include <csvc/store.h>

#include <codec/codec.h>
#include <string.h>

#include "base/banned.h"

enum {
    PAGE = 100 /* the largest that csvc_store_list gives */
};

static const void *at(const void *message, uint32_t offset)
{
    return (const char *)message + offset;
}

static const csvc_field *field_of(const csvc_entity *entity, uint32_t index)
{
    return &entity->type->fields[entity->columns[index].field];
}

static bool notes_presence(const csvc_field *field)
{
    return field->label == CSVC_LABEL_ONEOF || field->label == CSVC_LABEL_OPTIONAL ||
           (field->kind == CSVC_KIND_MESSAGE && field->label != CSVC_LABEL_REPEATED);
}

static bool is_fixed(const csvc_column *column)
{
    return (column->flags & (CSVC_COLUMN_KEY | CSVC_COLUMN_CREATED_AT | CSVC_COLUMN_UPDATED_AT)) !=
           0;
}

/* Setting one member of a oneof unsets its siblings, so their columns change, too. */
static csvc_column_set with_siblings(const csvc_entity *entity, uint32_t index)
{
    const csvc_field *field = field_of(entity, index);
    csvc_column_set set = (csvc_column_set)1 << index;
    uint32_t i;

    if (field->label != CSVC_LABEL_ONEOF) {
        return set;
    }
    for (i = 0; i < entity->n_columns; i++) {
        const csvc_field *other = field_of(entity, i);

        if (other->label == CSVC_LABEL_ONEOF && other->quantifier == field->quantifier) {
            set |= (csvc_column_set)1 << i;
        }
    }
    return set;
}

csvc_column_set csvc_store_given(const csvc_entity *entity, const void *message)
{
    csvc_column_set set = 0;
    uint32_t i;

    for (i = 0; i < entity->n_columns; i++) {
        const csvc_field *field = field_of(entity, i);

        if (!is_fixed(&entity->columns[i]) &&
            (!notes_presence(field) || csvc__field_present(entity->type, field, message))) {
            set |= with_siblings(entity, i);
        }
    }
    return set;
}

/* The paths of a google.protobuf.FieldMask, whichever C was made of it. */
static size_t mask_paths(const void *field_mask, char *const **ret_paths)
{
    const ProtobufCMessage *mask = field_mask;
    const ProtobufCFieldDescriptor *field;

    if (mask == NULL || mask->descriptor == NULL || mask->descriptor->n_fields != 1) {
        return 0;
    }
    field = &mask->descriptor->fields[0];
    if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_STRING) {
        return 0;
    }
    *ret_paths = *(char *const *const *)at(mask, field->offset);
    return *(const size_t *)at(mask, field->quantifier_offset);
}

static csvc_code add_path(csvc_ctx *ctx, const csvc_entity *entity, csvc_column_set allowed,
                          const char *path, csvc_column_set *set)
{
    size_t len = strcspn(path, ".");
    uint32_t i;

    if (strcmp(path, "*") == 0) {
        *set |= allowed;
        return CSVC_OK;
    }
    for (i = 0; i < entity->n_columns; i++) {
        const csvc_column *column = &entity->columns[i];
        const char *name = entity->type->descriptor->fields[column->field].name;
        csvc_column_set bit = (csvc_column_set)1 << i;

        if (name == NULL || strncmp(name, path, len) != 0 || name[len] != '\0') {
            continue;
        }
        if (path[len] == '.') {
            return csvc_fail(ctx, CSVC_INVALID_ARGUMENT,
                             "update_mask: %s reaches into %s, which can only change as a whole",
                             path, name);
        }
        if (!is_fixed(column) && (allowed & bit) == 0) {
            break;
        }
        *set |= with_siblings(entity, i);
        return CSVC_OK;
    }
    return csvc_fail(ctx, CSVC_INVALID_ARGUMENT,
                     "update_mask: %s is no field of %s that can change", path, entity->name);
}

csvc_code csvc_store_mask(csvc_ctx *ctx, const csvc_entity *entity, const void *message,
                          csvc_column_set allowed, const void *field_mask, csvc_column_set *ret_set)
{
    char *const *paths = NULL;
    size_t n_paths = mask_paths(field_mask, &paths);
    csvc_column_set set = 0;
    size_t n;
    uint32_t i;

    for (n = 0; n < n_paths; n++) {
        csvc_code code = add_path(ctx, entity, allowed, paths[n], &set);

        if (code != CSVC_OK) {
            return code;
        }
    }
    for (i = 0; i < entity->n_columns; i++) {
        const csvc_field *field = field_of(entity, i);

        if (is_fixed(&entity->columns[i])) {
            set &= ~((csvc_column_set)1 << i);
        } else if (n_paths == 0 && csvc__field_present(entity->type, field, message)) {
            set |= with_siblings(entity, i) & allowed;
        }
    }
    *ret_set = entity->n_columns < 64 ? set & (((csvc_column_set)1 << entity->n_columns) - 1) : set;
    return CSVC_OK;
}

void *csvc_store_map(csvc_ctx *ctx, const csvc_message_type *type, const void *entries,
                     size_t n_entries)
{
    const void *const *from = entries;
    void **to = csvc_calloc(ctx, n_entries, sizeof(to[0]));
    size_t i;

    for (i = 0; to != NULL && i < n_entries; i++) {
        ProtobufCMessage *entry = csvc_alloc(ctx, type->size);

        if (entry == NULL) {
            return NULL;
        }
        memcpy(entry, from[i], type->size);
        entry->descriptor = type->descriptor;
        to[i] = entry;
    }
    return to;
}

csvc_code csvc_store_list_all(csvc_db *db, csvc_ctx *ctx, const csvc_entity *entity,
                              const csvc_store_page *page, size_t max_rows,
                              csvc_store_rows *ret_rows)
{
    csvc_store_page next = *page;
    csvc_store_rows all = {.next_page_token = ""};
    size_t room = 0;

    next.page = 0;
    next.page_size = PAGE;
    next.want_total = false;
    do {
        csvc_store_rows some;
        csvc_code code = csvc_store_list(db, ctx, entity, &next, &some);

        if (code != CSVC_OK) {
            return code;
        }
        if (some.n_rows > max_rows - all.n_rows) {
            return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED,
                             "more than %zu rows of %s match, too many for one reply", max_rows,
                             entity->name);
        }
        if (all.n_rows + some.n_rows > room) {
            void **rows;

            room = room == 0 ? PAGE : room * 2;
            rows = csvc_calloc(ctx, room, sizeof(rows[0]));
            if (rows == NULL) {
                return csvc_fail(ctx, CSVC_RESOURCE_EXHAUSTED, "out of memory");
            }
            if (all.n_rows > 0) {
                memcpy(rows, all.rows, all.n_rows * sizeof(rows[0]));
            }
            all.rows = rows;
        }
        if (some.n_rows > 0) {
            memcpy(all.rows + all.n_rows, some.rows, some.n_rows * sizeof(all.rows[0]));
        }
        all.n_rows += some.n_rows;
        next.page_token = some.next_page_token;
    } while (next.page_token[0] != '\0');
    all.total = (int64_t)all.n_rows;
    *ret_rows = all;
    return CSVC_OK;
}
