/* first_proto.c: a small contract for those who come without one. */
#include "first_proto.h"

#include <string.h>

#include "names/names.h"
#include "project/files.h"

#include "base/banned.h"

/* user-service, users -> user: what the service is about. */
static const char *subject(csvc_arena *a, const char *name)
{
    static const char *const endings[] = {"-service", "-svc", "-server", "-api", "-grpc"};
    char *word = cli_must(csvc_arena_strdup(a, name));
    size_t len = strlen(word);

    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        size_t ending = strlen(endings[i]);

        if (len > ending && strcmp(word + len - ending, endings[i]) == 0) {
            len -= ending;
            word[len] = '\0';
            break;
        }
    }
    if (len > 4 && strcmp(word + len - 3, "ies") == 0) {
        word[len - 3] = 'y';
        word[len - 2] = '\0';
    } else if (len > 3 && word[len - 1] == 's' && strchr("siu", word[len - 2]) == NULL) {
        word[len - 1] = '\0';
    }
    for (char *c = word; *c != '\0'; c++) {
        *c = *c == '-' ? '_' : *c;
    }
    return strcmp(word, "service") == 0 || strcmp(word, "api") == 0 || gen_name_reserved(word) ||
                   gen_name_macro(word)
               ? "item"
               : word;
}

static const char *spaced(csvc_arena *a, const char *snake)
{
    char *words = cli_must(csvc_arena_strdup(a, snake));

    for (char *c = words; *c != '\0'; c++) {
        *c = *c == '_' ? ' ' : *c;
    }
    return words;
}

csvc_code first_proto_compile(const char *name, pipeline *p, const gen_templates *templates,
                              csvc_bytes *ret_text, csvc_error *err)
{
    csvc_arena *a = p->a;
    const char *word = subject(a, name);
    const char *plural = cli_must(gen_plural(a, word));
    const char *camel = cli_must(gen_camel(a, word));
    const char *file = cli_printf(a, "%s.proto", word);
    gen_value *proto = gen_object(a);
    gen_value *scope = gen_object(a);
    files_tree *tree = NULL;
    csvc__buffer text;
    csvc_code code;

    gen_set_text(a, proto, "package", word);
    gen_set_text(a, proto, "service", cli_printf(a, "%sService", camel));
    gen_set_text(a, proto, "message", camel);
    gen_set_text(a, proto, "messages", cli_must(gen_camel(a, plural)));
    gen_set_text(a, proto, "field", word);
    gen_set_text(a, proto, "fields", plural);
    gen_set_text(a, proto, "words", spaced(a, word));
    gen_set_text(a, proto, "plural_words", spaced(a, plural));
    gen_set(a, scope, "proto", proto);
    csvc__buffer_init(&text, 1 << 20);
    code = gen_render(templates, "project/proto/entity.proto.tmpl", scope, &text, err);
    if (code == CSVC_OK) {
        code = files_tree_scratch(a, &tree, err);
    }
    if (code == CSVC_OK) {
        code = files_tree_add(
            tree, file, (csvc_bytes){.len = text.len, .data = (const uint8_t *)text.data}, err);
    }
    if (code == CSVC_OK) {
        p->files = cli_must(csvc_arena_calloc(a, 1, sizeof(*p->files)));
        p->files[0] =
            (protoc_file){.path = files_join(a, files_tree_folder(tree), file), .name = file};
        p->n_files = 1;
        cli_list_add(a, &p->folders, files_tree_folder(tree));
        code = pipeline_compile(p, false, err);
    }
    if (code == CSVC_OK) {
        *ret_text = (csvc_bytes){.len = text.len,
                                 .data = cli_must(csvc_arena_strndup(a, text.data, text.len))};
    }
    files_tree_abandon(tree);
    csvc__buffer_release(&text);
    return code;
}
