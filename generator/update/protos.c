/* update/protos.c: what became of the protos since the last update. */
#include "protos.h"

#include <string.h>

#include "absent.h"
#include "late.h"
#include "unlisted.h"
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
static void leave_to_tables(update *u, const compat_rename *renames, size_t n,
                            compat_services *matched)
{
    schema_answers *answers = &u->project.answers;
    cli_list renames_left = {0};
    cli_list keeps_left = {0};

    for (size_t i = 0; i < n; i++) {
        if (!renames[i].used) {
            cli_list_add(u->a, &renames_left, answers->renames.items[i]);
        }
    }
    for (size_t i = 0; i < answers->keeps.len; i++) {
        if (!compat_keep(matched, answers->keeps.items[i])) {
            cli_list_add(u->a, &keeps_left, answers->keeps.items[i]);
        }
    }
    answers->renames = renames_left;
    answers->keeps = keeps_left;
}

/* ---- what has to be answered ---- */

#define ALLOW "--allow-breaking"

/* As it was given, before each answer goes where it belongs. */
static void list_said(update *u)
{
    const schema_answers *answers = &u->project.answers;

    if (u->allow_breaking) {
        cli_list_add(u->a, &u->said, ALLOW);
    }
    if (answers->allow_data_loss) {
        cli_list_add(u->a, &u->said, "--allow-data-loss");
    }
    for (size_t i = 0; i < answers->renames.len; i++) {
        cli_list_add(u->a, &u->said, cli_printf(u->a, "--rename %s", answers->renames.items[i]));
    }
    for (size_t i = 0; i < answers->keeps.len; i++) {
        cli_list_add(u->a, &u->said, cli_printf(u->a, "--keep %s", answers->keeps.items[i]));
    }
}

/* Is there one that is gone, and may have another name? Once its handler is stale and the new one
 * was written to, it is too late to say so. */
static void ask_for_names(update *u, const compat_services *matched)
{
    cli_list *asks = &u->project.asks;

    for (size_t i = 0; i < matched->n_services; i++) {
        const compat_service *service = &matched->services[i];

        if (service->likely != NULL) {
            cli_list_add(u->a, asks, cli_printf(u->a, "--rename %s", service->offer));
        }
        for (size_t k = 0; k < service->n_rpcs; k++) {
            if (service->rpcs[k].likely != NULL) {
                cli_list_add(u->a, asks, cli_printf(u->a, "--rename %s", service->rpcs[k].offer));
            }
        }
    }
}

csvc_code update_ask(update *u, csvc_error *err)
{
    const cli_list *asks = &u->project.asks;
    const char *said = cli_list_join(u->a, &u->said, " ");

    if (asks->len == 0) {
        return CSVC_OK;
    }
    pipeline_print_problems(&u->pipeline);
    if (asks->len == 1 && strcmp(asks->items[0], ALLOW) == 0) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "callers that were built before would not understand this; when that "
                              "is meant: c-svc update %s%s" ALLOW " (nothing was changed)",
                              said, u->said.len > 0 ? " " : "");
    }
    return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                          "say what became of the above; where it is as it looks: c-svc update "
                          "%s%s%s, with --keep OLD for what has no new name (nothing was changed)",
                          said, u->said.len > 0 ? " " : "", cli_list_join(u->a, asks, " "));
}

/* ---- all of it ---- */

csvc_code update_check_protos(update *u, csvc_error *err)
{
    bool takes_all = u->allow_breaking || u->only_shows;
    const gen_model *before = NULL;
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
    code = code == CSVC_OK ? update_match_late(&u->project, renames, n, &matched, err) : code;
    if (code == CSVC_OK) {
        list_said(u);
        leave_to_tables(u, renames, n, &matched);
        code = contract_check(&u->project, &matched, takes_all ? GEN_WARNING : GEN_ERROR, &lines,
                              &breaks, err);
    }
    if (code == CSVC_OK && breaks > 0 && !takes_all) {
        cli_list_add(u->a, &u->project.asks, ALLOW);
    }
    if (code == CSVC_OK && !u->only_shows) {
        ask_for_names(u, &matched);
    }
    code = code == CSVC_OK ? update_renames_find(&u->project, &matched, &u->renamed, err) : code;
    code = code == CSVC_OK
               ? update_note_retyped(&u->project, &matched, &u->renamed, &u->project.notes, err)
               : code;
    code = code == CSVC_OK ? contract_recorded(&u->project, &before, err) : code;
    if (code == CSVC_OK) {
        update_note_absent(&u->project, before, &u->project.notes);
        update_note_unlisted(&u->project, &u->project.notes);
    }
    for (size_t i = 0; i < u->renamed.notes.len; i++) {
        cli_list_add(u->a, &u->project.notes, u->renamed.notes.items[i]);
    }
    u->project.records_protos = true;
    return code;
}
