/* update/protos.c: what became of the protos since the last update. */
#include "protos.h"

#include <string.h>

#include "project/contract.h"

#include "base/banned.h"

/* The names of --rename OLD=NEW; what is none of that form is for the tables to refuse. */
static compat_rename *read_renames(update *u, size_t *ret_n)
{
    const cli_list *words = &u->project.answers.renames;
    compat_rename *renames = cli_must(csvc_arena_calloc(u->a, words->len + 1, sizeof(*renames)));

    for (size_t i = 0; i < words->len; i++) {
        const char *text = words->items[i];
        const char *sign = strchr(text, '=');
        size_t len = sign != NULL && sign[1] != '\0' ? (size_t)(sign - text) : 0;

        renames[i] = (compat_rename){.before = cli_must(csvc_arena_strndup(u->a, text, len)),
                                     .now = len > 0 ? sign + 1 : ""};
    }
    *ret_n = words->len;
    return renames;
}

/* Those of rpcs and services are done. */
static void leave_to_tables(update *u, const compat_rename *renames, size_t n)
{
    cli_list left = {0};

    for (size_t i = 0; i < n; i++) {
        if (!renames[i].used) {
            cli_list_add(u->a, &left, u->project.answers.renames.items[i]);
        }
    }
    u->project.answers.renames = left;
}

/* Is there one that is gone, and may have another name? Once its handler is stale and the new one
 * has one of its own, it is too late to say so. */
static bool looks_renamed(const compat_services *matched)
{
    for (size_t i = 0; i < matched->n_services; i++) {
        const compat_service *service = &matched->services[i];

        if (service->likely != NULL) {
            return true;
        }
        for (size_t k = 0; k < service->n_rpcs; k++) {
            if (service->rpcs[k].likely != NULL) {
                return true;
            }
        }
    }
    return false;
}

csvc_code update_check_protos(update *u, csvc_error *err)
{
    compat_services matched;
    cli_list lines = {0};
    size_t breaks = 0;
    size_t n;
    compat_rename *renames = read_renames(u, &n);
    csvc_code code = contract_match(&u->project, renames, n, &matched, err);

    if (code == CSVC_FAILED_PRECONDITION && u->how.rebase) { /* damaged: starts from those of now */
        u->project.has_recorded = true;
        code = CSVC_OK;
    }
    if (code == CSVC_OK) {
        leave_to_tables(u, renames, n);
        code = contract_check(&u->project, &matched, u->allow_breaking ? GEN_WARNING : GEN_ERROR,
                              &lines, &breaks, err);
    }
    if (code == CSVC_OK && breaks > 0 && !u->allow_breaking) {
        pipeline_print_problems(&u->pipeline);
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "callers that were built before would not understand this; when that "
                              "is meant: c-svc update --allow-breaking (nothing was changed)");
    }
    if (code == CSVC_OK && !u->allow_breaking && looks_renamed(&matched)) {
        pipeline_print_problems(&u->pipeline);
        return csvc_error_set(
            err, CSVC_FAILED_PRECONDITION,
            "say whether it is the same by another name: c-svc update --rename as "
            "above, or --allow-breaking when it is not (nothing was changed)");
    }
    code = code == CSVC_OK ? update_renames_find(&u->project, &matched, &u->renamed, err) : code;
    code =
        code == CSVC_OK ? update_note_retyped(&u->project, &matched, &u->project.notes, err) : code;
    for (size_t i = 0; i < u->renamed.notes.len; i++) {
        cli_list_add(u->a, &u->project.notes, u->renamed.notes.items[i]);
    }
    u->project.records_protos = true;
    return code;
}
