/* schema/wanted.c: the tables that entities want. */
#include "schema/schema.h"

#include <csvc/store.h>
#include <string.h>

#include "base/utf8.h"

#include "base/banned.h"

/* The value of a field that nobody set, as the column keeps it. */
static const char *empty_value(const gen_column *column)
{
    if ((column->flags & (CSVC_COLUMN_CREATED_AT | CSVC_COLUMN_UPDATED_AT)) != 0 &&
        strcmp(column->sqlite_type, "TEXT") == 0) { /* a time has to be one */
        return column->field->kind == CSVC_KIND_STRING ? "'1970-01-01T00:00:00Z'"
                                                       : "'1970-01-01T00:00:00.000000000Z'";
    }
    return strcmp(column->sqlite_type, "TEXT") == 0   ? "''"
           : strcmp(column->sqlite_type, "BLOB") == 0 ? "x''"
           : strcmp(column->sqlite_type, "REAL") == 0 ? "0.0"
                                                      : "0";
}

static schema_column wanted_column(const gen_column *column)
{
    bool key = (column->flags & CSVC_COLUMN_KEY) != 0;

    return (schema_column){
        .name = column->name,
        .type = column->sqlite_type,
        .nullable = !key && column->nullable,
        .key = key,
        .numbered = key && strcmp(column->sqlite_type, "INTEGER") == 0 &&
                    (column->flags & CSVC_COLUMN_GENERATED) != 0,
        .of = column,
        .required = (column->flags & CSVC_COLUMN_REQUIRED) != 0,
        .empty = empty_value(column),
    };
}

/* Unique, but not asked for: the empty value is none, and any number of rows may have it. */
static bool is_sparse(const gen_column *column)
{
    return (column->flags & CSVC_COLUMN_UNIQUE) != 0 &&
           (column->flags & (CSVC_COLUMN_REQUIRED | CSVC_COLUMN_KEY)) == 0 && !column->nullable;
}

static schema_table wanted_table(csvc_arena *a, const gen_entity *entity)
{
    schema_table table = {
        .name = entity->table,
        .columns = cli_must(csvc_arena_calloc(a, entity->n_columns + 1, sizeof(schema_column))),
        .n_columns = entity->n_columns,
        .indexes = cli_must(csvc_arena_calloc(a, entity->n_columns + 1, sizeof(schema_index))),
        .of = entity,
        .strict = true,
        .ours = true,
    };

    for (size_t i = 0; i < entity->n_columns; i++) {
        const gen_column *column = &entity->columns[i];
        const bool unique = (column->flags & CSVC_COLUMN_UNIQUE) != 0;

        table.columns[i] = wanted_column(column);
        if (unique || column->indexed) {
            table.indexes[table.n_indexes++] = (schema_index){
                .name =
                    cli_printf(a, "%s_%s_%s", entity->table, column->name, unique ? "key" : "idx"),
                .column = column->name,
                .unique = unique,
                .sparse = is_sparse(column),
            };
        }
    }
    return table;
}

void schema_wanted(csvc_arena *a, const gen_model *model, schema *ret_schema)
{
    schema s = {.tables =
                    cli_must(csvc_arena_calloc(a, model->n_entities + 1, sizeof(schema_table)))};

    for (size_t i = 0; i < model->n_entities; i++) {
        s.tables[s.n_tables++] = wanted_table(a, model->entities[i]);
    }
    *ret_schema = s;
}

void schema_remember(schema *there, const gen_model *before)
{
    for (size_t i = 0; i < before->n_entities; i++) {
        const gen_entity *entity = before->entities[i];
        schema_table *table = schema_find_table(there, entity->table);

        for (size_t k = 0; table != NULL && k < entity->n_columns; k++) {
            schema_column *column = schema_find_column(table, entity->columns[k].name);

            if (column != NULL && strcmp(column->type, entity->columns[k].sqlite_type) == 0) {
                column->of = &entity->columns[k];
            }
        }
    }
}

/* That of a wrapper stands for it. */
static const gen_field *unwrapped(const gen_field *field)
{
    const gen_message *message = field->kind == CSVC_KIND_MESSAGE ? field->message : NULL;

    return message != NULL && message->well_known == CSVC_WKT_WRAPPER && message->n_fields == 1
               ? message->fields[0]
               : field;
}

typedef struct range {
    const char *name; /* NULL: no number */
    bool real;
    int64_t least;
    uint64_t most;
} range;

static range range_of(const gen_column *column)
{
    static const range ranges[] = {
        [CSVC_KIND_INT32] = {"int32", false, INT32_MIN, INT32_MAX},
        [CSVC_KIND_SINT32] = {"sint32", false, INT32_MIN, INT32_MAX},
        [CSVC_KIND_SFIXED32] = {"sfixed32", false, INT32_MIN, INT32_MAX},
        [CSVC_KIND_ENUM] = {"an enum", false, INT32_MIN, INT32_MAX},
        [CSVC_KIND_INT64] = {"int64", false, INT64_MIN, INT64_MAX},
        [CSVC_KIND_SINT64] = {"sint64", false, INT64_MIN, INT64_MAX},
        [CSVC_KIND_SFIXED64] = {"sfixed64", false, INT64_MIN, INT64_MAX},
        [CSVC_KIND_UINT32] = {"uint32", false, 0, UINT32_MAX},
        [CSVC_KIND_FIXED32] = {"fixed32", false, 0, UINT32_MAX},
        [CSVC_KIND_UINT64] = {"uint64", false, 0, UINT64_MAX},
        [CSVC_KIND_FIXED64] = {"fixed64", false, 0, UINT64_MAX},
        [CSVC_KIND_BOOL] = {"bool", false, 0, 1},
        [CSVC_KIND_FLOAT] = {"float", true, 0, 32},
        [CSVC_KIND_DOUBLE] = {"double", true, 0, 64},
    };
    const gen_field *field = unwrapped(column->field);

    return field->label != CSVC_LABEL_REPEATED &&
                   (size_t)field->kind < sizeof(ranges) / sizeof(ranges[0])
               ? ranges[field->kind]
               : (range){0};
}

const char *schema_narrowed(csvc_arena *a, const gen_column *was, const gen_column *is)
{
    const range from = range_of(was);
    const range to = range_of(is);

    if (from.name == NULL || to.name == NULL || from.real != to.real ||
        (to.least <= from.least && to.most >= from.most)) {
        return NULL;
    }
    return cli_printf(a, "was %s and is to be %s", from.name, to.name);
}

const char *schema_form(csvc_arena *a, const gen_column *column)
{
    const gen_field *field = column->field;
    const gen_message *message = field->message;

    if (field->label == CSVC_LABEL_REPEATED) {
        return cli_printf(a, "a list, encoded as field %u%s", (unsigned)field->number,
                          field->kind == CSVC_KIND_MESSAGE ? " of messages" : "");
    }
    if (field->kind == CSVC_KIND_MESSAGE) {
        switch (message->well_known) {
        case CSVC_WKT_TIMESTAMP:
            return "a time with nanoseconds (RFC 3339, UTC)";
        case CSVC_WKT_DURATION:
            return "a number of nanoseconds";
        default:
            break;
        }
    }
    field = unwrapped(field);
    return field->kind == CSVC_KIND_STRING    ? "text"
           : field->kind == CSVC_KIND_BYTES   ? "bytes"
           : field->kind == CSVC_KIND_MESSAGE ? "a message"
                                              : "a number";
}

schema_table *schema_find_table(const schema *s, const char *name)
{
    for (size_t i = 0; i < s->n_tables; i++) {
        if (csvc__ascii_same(s->tables[i].name, name)) {
            return &s->tables[i];
        }
    }
    return NULL;
}

schema_column *schema_find_column(const schema_table *table, const char *name)
{
    for (size_t i = 0; i < table->n_columns; i++) {
        if (csvc__ascii_same(table->columns[i].name, name)) {
            return &table->columns[i];
        }
    }
    return NULL;
}
