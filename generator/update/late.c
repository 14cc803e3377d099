/* update/late.c: new names that are told after the update that took the removal. */
#include "late.h"

#include <string.h>

#include "rename.h"
#include "project/handlers.h"

#include "base/banned.h"

/* "shop.ItemService" of "shop.ItemService.GetItem"; "" when there is no dot. */
static const char *head_of(csvc_arena *a, const char *name)
{
    const char *dot = strrchr(name, '.');

    return cli_must(csvc_arena_strndup(a, name, dot != NULL ? (size_t)(dot - name) : 0));
}

static const char *tail_of(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL ? dot + 1 : name;
}

/* Whether the service is called so, or by the end of its full name; "" is anybody. */
static bool is_home(const gen_service *service, const char *name)
{
    size_t len = strlen(service->full_name);
    size_t n = strlen(name);

    return n == 0 || (n <= len && strcmp(service->full_name + len - n, name) == 0 &&
                      (n == len || service->full_name[len - n - 1] == '.'));
}

/* What the service was, with the C names that follow. */
static gen_service *make_before(csvc_arena *a, const gen_service *now, const char *name,
                                const char *full_name, const gen_rpc *renamed, const char *rpc_name)
{
    gen_service *service = cli_must(csvc_arena_calloc(a, 1, sizeof(*service)));

    *service = *now;
    service->name = name;
    service->full_name = full_name;
    service->rpcs = cli_must(csvc_arena_calloc(a, now->n_rpcs + 1, sizeof(*service->rpcs)));
    for (size_t i = 0; i < now->n_rpcs; i++) {
        service->rpcs[i] = now->rpcs[i];
        service->rpcs[i].service = service;
        service->rpcs[i].name = &now->rpcs[i] == renamed ? rpc_name : now->rpcs[i].name;
    }
    (void)cli_must(gen_model_name_service(a, service) ? service : NULL);
    return service;
}

/* Whether there is a handler or a test of it. */
static csvc_code has_files(project *p, const gen_rpc *rpc, bool *ret_has, csvc_error *err)
{
    const char *handler = NULL;
    const char *test = NULL;
    csvc_code code = update_place_of(p, project_handler_path(p->a, rpc),
                                     handlers_function(p->a, rpc), &handler, err);

    code =
        code == CSVC_OK ? update_place_of(p, project_test_path(p->a, rpc), NULL, &test, err) : code;
    *ret_has = handler != NULL || test != NULL;
    return code;
}

static csvc_code ambiguous(const compat_rename *rename, const char *one, const char *other,
                           csvc_error *err)
{
    return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                          "%s=%s may be about %s or %s; give the full "
                          "name",
                          rename->before, rename->now, one, other);
}

/* ---- an rpc ---- */

static bool has_rpc(const gen_service *service, const char *name)
{
    for (size_t i = 0; i < service->n_rpcs; i++) {
        if (strcmp(service->rpcs[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static csvc_code match_rpc(project *p, compat_rename *rename, compat_services *matched,
                           csvc_error *err)
{
    const char *name = tail_of(rename->before);
    const gen_rpc *before = NULL;
    compat_rpc *found = NULL;
    csvc_code code = CSVC_OK;

    for (size_t i = 0; i < matched->n_services; i++) {
        const compat_service *service = &matched->services[i];
        bool fits = service->now != NULL && service->now->file->served &&
                    is_home(service->now, head_of(p->a, rename->before)) &&
                    is_home(service->now, head_of(p->a, rename->now)) &&
                    !has_rpc(service->now, name);

        for (size_t k = 0; fits && code == CSVC_OK && k < service->n_rpcs; k++) {
            compat_rpc *rpc = &service->rpcs[k];
            const gen_service *was;
            bool has = false;

            if (rpc->now == NULL || rpc->fate == COMPAT_RENAMED ||
                strcmp(rpc->now->name, tail_of(rename->now)) != 0) {
                continue;
            }
            was = make_before(p->a, service->now, service->now->name, service->now->full_name,
                              rpc->now, name);
            code = has_files(p, &was->rpcs[rpc->now->index], &has, err);
            if (has && found != NULL) {
                return ambiguous(rename, before->service->full_name, was->full_name, err);
            }
            if (has) {
                found = rpc;
                before = &was->rpcs[rpc->now->index];
            }
        }
    }
    if (found != NULL) {
        rename->used = true;
        found->fate = COMPAT_RENAMED;
        found->before = before;
    }
    return code;
}

/* ---- a service ---- */

/* Which rpcs of a service of this name there are files of. */
static csvc_code list_kept(project *p, const gen_service *was, bool *kept, size_t *ret_n,
                           csvc_error *err)
{
    csvc_code code = CSVC_OK;

    *ret_n = 0;
    for (size_t k = 0; code == CSVC_OK && k < was->n_rpcs; k++) {
        code = has_files(p, &was->rpcs[k], &kept[k], err);
        *ret_n += kept[k] ? 1 : 0;
    }
    return code;
}

static bool is_there(const compat_services *matched, const char *full_name)
{
    for (size_t i = 0; i < matched->n_services; i++) {
        const gen_service *now = matched->services[i].now;

        if (now != NULL && strcmp(now->full_name, full_name) == 0) {
            return true;
        }
    }
    return false;
}

/* Its messages have other names in C as well, and nobody knows any more which. */
static csvc_code other_package(const compat_rename *rename, csvc_error *err)
{
    return csvc_error_set(
        err, CSVC_FAILED_PRECONDITION,
        "--rename %s=%s: another package gives its messages other names, too, and the protos of "
        "before are no longer recorded; bring them back (git checkout COMMIT -- " CONTRACT_FILE
        ", with the commit before the update that took the new ones) and run this again",
        rename->before, rename->now);
}

static csvc_code match_service(project *p, compat_rename *rename, compat_services *matched,
                               csvc_error *err)
{
    csvc_arena *a = p->a;
    const char *package = head_of(a, rename->before);
    const char *name = tail_of(rename->before);
    const gen_service *before = NULL;
    compat_service *found = NULL;
    bool *kept = NULL;
    csvc_code code = CSVC_OK;

    for (size_t i = 0; code == CSVC_OK && i < matched->n_services; i++) {
        compat_service *service = &matched->services[i];
        const gen_service *now = service->now;
        const gen_service *was;
        const char *home;
        const char *full_name;
        bool *has;
        size_t n;

        if (now == NULL || !now->file->served || service->renamed || !is_home(now, rename->now) ||
            rename->now[0] == '\0') {
            continue;
        }
        home = package[0] != '\0' ? package : now->file->package;
        full_name = cli_printf(a, "%s%s%s", home, home[0] != '\0' ? "." : "", name);
        if (is_there(matched, full_name)) {
            continue;
        }
        was = make_before(a, now, name, full_name, NULL, NULL);
        has = cli_must(csvc_arena_calloc(a, now->n_rpcs + 1, sizeof(*has)));
        code = list_kept(p, was, has, &n, err);
        if (code == CSVC_OK && n > 0 && found != NULL) {
            return ambiguous(rename, found->now->full_name, now->full_name, err);
        }
        if (code == CSVC_OK && n > 0) {
            found = service;
            before = was;
            kept = has;
        }
    }
    if (code != CSVC_OK || found == NULL) {
        return code;
    }
    if (package[0] != '\0' && strcmp(package, found->now->file->package) != 0) {
        return other_package(rename, err);
    }
    rename->used = true;
    found->before = before;
    found->renamed = true;
    for (size_t k = 0; k < found->n_rpcs; k++) {
        compat_rpc *rpc = &found->rpcs[k];

        if (rpc->now != NULL && kept[rpc->now->index]) {
            rpc->before = &before->rpcs[rpc->now->index];
        }
    }
    return CSVC_OK;
}

csvc_code update_match_late(project *p, compat_rename *renames, size_t n_renames,
                            compat_services *matched, csvc_error *err)
{
    csvc_code code = CSVC_OK;

    for (size_t i = 0; code == CSVC_OK && i < n_renames; i++) {
        if (!renames[i].used && renames[i].before[0] != '\0') {
            code = match_rpc(p, &renames[i], matched, err);
        }
        if (code == CSVC_OK && !renames[i].used && renames[i].before[0] != '\0') {
            code = match_service(p, &renames[i], matched, err);
        }
    }
    return code;
}
