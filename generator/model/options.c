/* model/options.c: our options and protobuf-c's, out of the unknown fields that carry them. */
#include "model/parts.h"

#include <string.h>

#include "base/banned.h"

/* Decodes an extension that is a message; NULL when it is not there. What does not decode is
 * reported. */
static void *read_message(gen_builder *b, const void *options, uint32_t number,
                          const csvc_message_type *type, const char *name, gen_place place)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_bytes bytes;
    void *message = NULL;
    csvc_code code = CSVC_OK;

    if (!gen_pb_extension(b->a, options, number, &bytes, &code)) {
        b->no_memory |= code == CSVC_RESOURCE_EXHAUSTED;
        return NULL;
    }
    code = csvc_decode(b->a, type, bytes, NULL, &message, &err);
    if (code == CSVC_RESOURCE_EXHAUSTED) {
        b->no_memory = true;
    } else if (code != CSVC_OK) {
        gen_report(b->diag, GEN_ERROR, place, "option %s cannot be read: %s", name, err.text);
        gen_report(b->diag, GEN_NOTE, place,
                   "its number is %u; is that the file this option was defined in?",
                   (unsigned)number);
        return NULL;
    }
    return message;
}

void gen_read_file_options(gen_builder *b, gen_file *file)
{
    const CsvcPb__FileOptions *options = file->proto->options;
    const CsvcPb__FileRule *rule;

    if (options == NULL) {
        return;
    }
    file->deprecated = options->deprecated;
    file->code_size = options->has_optimize_for &&
                      options->optimize_for == CSVC_PB__FILE_OPTIONS__OPTIMIZE_MODE__CODE_SIZE;
    file->pb_c_place = gen_place_of_options(b, GEN_EXT_PB_C, 6);
    rule =
        read_message(b, options, GEN_EXT_PB_C, GEN_PB(file_rule), "(pb_c_file)", file->pb_c_place);
    if (rule != NULL) {
        file->no_code = rule->no_generate;
        file->const_strings = rule->const_strings;
        file->oneof_names = rule->use_oneof_field_name;
        file->c_package = rule->c_package;
    }
}

void gen_read_message_options(gen_builder *b, gen_message *message)
{
    const CsvcPb__MessageOptions *options = message->proto->options;
    const CsvcPb__MessageRule *theirs;
    const CsvcPb__Message *ours;

    if (options == NULL) {
        return;
    }
    message->map_entry = options->map_entry;
    theirs =
        read_message(b, options, GEN_EXT_PB_C, GEN_PB(message_rule), "(pb_c_msg)", message->place);
    if (theirs != NULL) {
        message->base_option = theirs->base_field_name;
    }
    ours = read_message(b, options, GEN_EXT_MESSAGE, GEN_PB(message), "(c_svc.message)",
                        message->place);
    if (ours != NULL) {
        message->has_entity_option = ours->has_entity;
        message->entity_option = ours->entity;
        message->entity_name = ours->name;
        message->table = ours->table;
    }
}

static uint32_t rules_of(const CsvcPb__Field *ours)
{
    return (ours->required ? (uint32_t)CSVC_RULE_REQUIRED : 0U) |
           (ours->has_min_len ? (uint32_t)CSVC_RULE_MIN_LEN : 0U) |
           (ours->max_len > 0 ? (uint32_t)CSVC_RULE_MAX_LEN : 0U) |
           (ours->has_min ? (uint32_t)CSVC_RULE_MIN : 0U) |
           (ours->has_max ? (uint32_t)CSVC_RULE_MAX : 0U) |
           (ours->has_min_items ? (uint32_t)CSVC_RULE_MIN_ITEMS : 0U) |
           (ours->has_max_items ? (uint32_t)CSVC_RULE_MAX_ITEMS : 0U) |
           (ours->defined_only ? (uint32_t)CSVC_RULE_DEFINED : 0U);
}

void gen_read_field_options(gen_builder *b, gen_field *field,
                            const CsvcPb__FieldDescriptorProto *proto)
{
    const CsvcPb__FieldOptions *options = proto->options;
    const CsvcPb__FieldRule *theirs;
    const CsvcPb__Field *ours;

    if (options == NULL) {
        return;
    }
    field->deprecated = options->deprecated;
    theirs =
        read_message(b, options, GEN_EXT_PB_C, GEN_PB(field_rule), "(pb_c_field)", field->place);
    field->string_as_bytes = theirs != NULL && theirs->string_as_bytes;
    ours = read_message(b, options, GEN_EXT_FIELD, GEN_PB(field), "(c_svc.field)", field->place);
    if (ours != NULL) {
        field->options = (gen_field_options){
            .has_key = ours->has_key,
            .key = ours->key,
            .has_unique = ours->has_unique,
            .unique = ours->unique,
            .has_required = ours->has_required,
            .required = ours->required,
            .has_search = ours->has_search,
            .search = ours->search,
            .has_index = ours->has_index,
            .index = ours->index,
            .has_stored = ours->has_stored,
            .stored = ours->stored,
            .max_len = ours->max_len,
            .rules = rules_of(ours),
            .min_len = ours->min_len,
            .min_items = ours->min_items,
            .max_items = ours->max_items,
            .min = ours->min,
            .max = ours->max,
            .column = ours->column,
        };
    }
}

void gen_read_service_options(gen_builder *b, gen_service *service,
                              const CsvcPb__ServiceDescriptorProto *proto)
{
    csvc_bytes bytes;
    csvc_code code = CSVC_OK;
    const ProtobufCMessage *options = (const ProtobufCMessage *)proto->options;

    if (options == NULL) {
        return;
    }
    service->deprecated = proto->options->deprecated;
    /* A string, so the last one wins: pieces are not to be joined. */
    for (unsigned i = options->n_unknown_fields; i-- > 0;) {
        ProtobufCMessage last = *options;

        if (options->unknown_fields[i].tag != GEN_EXT_SERVICE_C_PREFIX) {
            continue;
        }
        last.n_unknown_fields = 1;
        last.unknown_fields = &options->unknown_fields[i];
        if (!gen_pb_extension(b->a, &last, GEN_EXT_SERVICE_C_PREFIX, &bytes, &code)) {
            gen_report(b->diag, GEN_ERROR, service->place,
                       "option (c_svc.c_prefix) cannot be read: it is no string");
            return;
        }
        service->prefix_option = csvc_arena_strndup(b->a, (const char *)bytes.data, bytes.len);
        b->no_memory |= service->prefix_option == NULL;
        return;
    }
}

void gen_read_rpc_options(gen_builder *b, gen_rpc *rpc, const CsvcPb__MethodDescriptorProto *proto)
{
    const CsvcPb__Rpc *ours;

    if (proto->options == NULL) {
        return;
    }
    rpc->deprecated = proto->options->deprecated;
    ours = read_message(b, proto->options, GEN_EXT_RPC, GEN_PB(rpc), "(c_svc.rpc)", rpc->place);
    rpc->is_inline = ours != NULL && ours->inline_;
    rpc->retry = ours != NULL ? ours->retry : NULL;
}
