/* update/unlisted.c: protos of the project that nothing names. */
#include "unlisted.h"

#include <string.h>

#include "sources.h"

#include "base/banned.h"

typedef struct search {
    project *p;
    const char *folder; /* an include folder */
    cli_list *notes;
} search;

/* As far as its lines tell: protoc has not read it. 0: none. */
static size_t service_line(const char *text)
{
    size_t line = 1;

    for (const char *at = text; at != NULL; at = strchr(at, '\n'), line++) {
        at += *at == '\n' ? 1 : 0;
        at += strspn(at, " \t");
        if (strncmp(at, "service", 7) == 0 && (at[7] == ' ' || at[7] == '\t')) {
            return line;
        }
    }
    return 0;
}

static void look_at(void *self, const update_source *source)
{
    search *s = self;
    const char *name = source->path + strlen(s->folder) + 1;
    size_t line = service_line((const char *)source->text.data);

    if (line > 0 && gen_model_file(s->p->pipeline->model, name) == NULL) {
        cli_list_add(
            s->p->a, s->notes,
            cli_printf(
                s->p->a,
                "%s:%zu: note: this service is not served: no entry of protos: in " CONFIG_FILE
                " names %s",
                source->shown, line, source->path));
    }
}

void update_note_unlisted(project *p, cli_list *notes)
{
    const cli_list *folders = &p->config.include;

    for (size_t i = 0; i < folders->len; i++) {
        const char *folder = folders->items[i];

        /* what lies elsewhere is shared with others; all of the project is not only protos */
        if (folder[0] != '/' && folder[0] != '.') {
            update_each_file(p, folder, ".proto", look_at,
                             &(search){.p = p, .folder = folder, .notes = notes});
        }
    }
}
