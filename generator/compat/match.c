/* compat/match.c: which service and rpc of now is which of before. */
#include "compat/parts.h"

#include <string.h>

#include "base/banned.h"

typedef struct matching {
    csvc_arena *a;
    const gen_model *before, *now;
    compat_services out;
    bool no_memory;
} matching;

static void *take(matching *m, size_t count, size_t size)
{
    void *memory = csvc_arena_calloc(m->a, count + 1, size);

    m->no_memory = m->no_memory || memory == NULL;
    return memory;
}

/* ---- names ---- */

/* Whether `full`, or what follows one of its dots, is the name. */
static bool ends_in(const char *full, const char *name, size_t name_len)
{
    size_t len = strlen(full);

    return name_len <= len && name_len > 0 && memcmp(full + len - name_len, name, name_len) == 0 &&
           (name_len == len || full[len - name_len - 1] == '.');
}

static bool is_called(const char *full, const char *name)
{
    return ends_in(full, name, strlen(name));
}

/* By its name, with or without that of its service, or a part of that. */
static bool rpc_is_called(const gen_rpc *rpc, const char *name)
{
    size_t own = strlen(rpc->name);
    size_t len = strlen(name);

    return ends_in(name, rpc->name, own) &&
           (len == own || ends_in(rpc->service->full_name, name, len - own - 1));
}

static const char *name_offer(matching *m, const char *service, const char *before, const char *now)
{
    const char *text =
        csvc_arena_printf(m->a, "%s%s%s=%s", service, *service != '\0' ? "." : "", before, now);

    m->no_memory = m->no_memory || text == NULL;
    return text;
}

/* ---- signatures ---- */

static const char *within_package(const gen_message *message)
{
    size_t len = strlen(message->file->package);

    return message->full_name + (len > 0 ? len + 1 : 0);
}

/* The same message, or what it is called in the package that its service moved to. */
static bool same_type(const gen_message *before, const gen_message *now, const gen_service *from,
                      const gen_service *to)
{
    return strcmp(before->full_name, now->full_name) == 0 ||
           (strcmp(before->file->package, from->file->package) == 0 &&
            strcmp(now->file->package, to->file->package) == 0 &&
            strcmp(within_package(before), within_package(now)) == 0);
}

bool compat_same_signature(const gen_rpc *before, const gen_rpc *now)
{
    return before->kind == now->kind &&
           same_type(before->request, now->request, before->service, now->service) &&
           same_type(before->reply, now->reply, before->service, now->service);
}

/* ---- services ---- */

static compat_service *find_before(matching *m, const gen_service *service)
{
    for (size_t i = 0; i < m->out.n_services; i++) {
        if (m->out.services[i].before == service) {
            return &m->out.services[i];
        }
    }
    return NULL;
}

static const gen_service *service_of(const gen_model *model, const char *full_name)
{
    for (size_t i = 0; i < model->n_files; i++) {
        for (size_t k = 0; k < model->files[i]->n_services; k++) {
            if (strcmp(model->files[i]->services[k].full_name, full_name) == 0) {
                return &model->files[i]->services[k];
            }
        }
    }
    return NULL;
}

static const gen_rpc *rpc_of(const gen_service *service, const char *name)
{
    for (size_t i = 0; i < service->n_rpcs; i++) {
        if (strcmp(service->rpcs[i].name, name) == 0) {
            return &service->rpcs[i];
        }
    }
    return NULL;
}

static size_t n_services(const gen_model *model)
{
    size_t n = 0;

    for (size_t i = 0; i < model->n_files; i++) {
        n += compat_is_provided(model->files[i]) ? 0 : model->files[i]->n_services;
    }
    return n;
}

static void list_services(matching *m)
{
    m->out.services = take(m, n_services(m->before) + n_services(m->now), sizeof(*m->out.services));
    if (m->no_memory) {
        return;
    }
    for (size_t i = 0; i < m->now->n_files; i++) {
        const gen_file *file = m->now->files[i];

        for (size_t k = 0; !compat_is_provided(file) && k < file->n_services; k++) {
            m->out.services[m->out.n_services++] =
                (compat_service){.now = &file->services[k],
                                 .before = service_of(m->before, file->services[k].full_name)};
        }
    }
    for (size_t i = 0; i < m->before->n_files; i++) {
        const gen_file *file = m->before->files[i];

        for (size_t k = 0; !compat_is_provided(file) && k < file->n_services; k++) {
            if (find_before(m, &file->services[k]) == NULL) {
                m->out.services[m->out.n_services++] =
                    (compat_service){.before = &file->services[k]};
            }
        }
    }
}

/* The new service that one which is gone shares the most rpcs with, at least half of them. */
static const gen_service *likely_service(const matching *m, const gen_service *gone)
{
    const gen_service *best = NULL;
    size_t best_shared = 0;

    for (size_t i = 0; i < m->out.n_services; i++) {
        const gen_service *service = m->out.services[i].now;
        size_t shared = 0;
        size_t most;

        if (service == NULL || m->out.services[i].before != NULL) {
            continue;
        }
        for (size_t k = 0; k < gone->n_rpcs; k++) {
            const gen_rpc *rpc = rpc_of(service, gone->rpcs[k].name);

            shared += rpc != NULL && compat_same_signature(&gone->rpcs[k], rpc) ? 1 : 0;
        }
        most = gone->n_rpcs > service->n_rpcs ? gone->n_rpcs : service->n_rpcs;
        if (shared > best_shared && 2 * shared >= most) {
            best = service;
            best_shared = shared;
        }
    }
    return best;
}

static csvc_code rename_service(matching *m, compat_rename *rename, csvc_error *err)
{
    compat_service *from = NULL;
    compat_service *to = NULL;

    for (size_t i = 0; i < m->out.n_services; i++) {
        compat_service *service = &m->out.services[i];

        if (service->now == NULL && is_called(service->before->full_name, rename->before)) {
            if (from != NULL) {
                return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                      "%s may be %s or %s; give the full name", rename->before,
                                      from->before->full_name, service->before->full_name);
            }
            from = service;
        }
        if (service->before == NULL && is_called(service->now->full_name, rename->now)) {
            if (to != NULL) {
                return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                      "%s may be %s or %s; give the full name", rename->now,
                                      to->now->full_name, service->now->full_name);
            }
            to = service;
        }
    }
    rename->used = from != NULL;
    if (from != NULL && to == NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "%s=%s: no service %s came with this change of the protos",
                              rename->before, rename->now, rename->now);
    }
    if (from != NULL) {
        to->before = from->before;
        to->renamed = true;
        memmove(from, from + 1,
                (size_t)(m->out.services + m->out.n_services - (from + 1)) * sizeof(*from));
        m->out.n_services--;
    }
    return CSVC_OK;
}

/* ---- rpcs ---- */

static compat_fate fate_of(const gen_rpc *before, const gen_rpc *now)
{
    return before == NULL                       ? COMPAT_ADDED
           : now == NULL                        ? COMPAT_REMOVED
           : compat_same_signature(before, now) ? COMPAT_SAME
                                                : COMPAT_RETYPED;
}

static void list_rpcs(matching *m, compat_service *service)
{
    size_t n_before = service->before != NULL ? service->before->n_rpcs : 0;
    size_t n_now = service->now != NULL ? service->now->n_rpcs : 0;

    service->rpcs = take(m, n_before + n_now, sizeof(*service->rpcs));
    for (size_t i = 0; !m->no_memory && i < n_now; i++) {
        const gen_rpc *now = &service->now->rpcs[i];
        const gen_rpc *before = n_before > 0 ? rpc_of(service->before, now->name) : NULL;

        service->rpcs[service->n_rpcs++] =
            (compat_rpc){.fate = fate_of(before, now), .before = before, .now = now};
    }
    for (size_t i = 0; !m->no_memory && i < n_before; i++) {
        const gen_rpc *before = &service->before->rpcs[i];

        if (n_now == 0 || rpc_of(service->now, before->name) == NULL) {
            service->rpcs[service->n_rpcs++] =
                (compat_rpc){.fate = COMPAT_REMOVED, .before = before};
        }
    }
}

static csvc_code ambiguous(csvc_error *err, const char *name, const compat_rpc *one,
                           const compat_rpc *other)
{
    const gen_rpc *x = one->before != NULL ? one->before : one->now;
    const gen_rpc *y = other->before != NULL ? other->before : other->now;

    return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                          "%s may be %s.%s or %s.%s; give the full name", name,
                          x->service->full_name, x->name, y->service->full_name, y->name);
}

static csvc_code rename_rpc(matching *m, compat_rename *rename, csvc_error *err)
{
    compat_service *home = NULL;
    compat_rpc *from = NULL;
    compat_rpc *to = NULL;

    for (size_t i = 0; i < m->out.n_services; i++) {
        compat_service *service = &m->out.services[i];

        for (size_t k = 0; k < service->n_rpcs; k++) {
            compat_rpc *rpc = &service->rpcs[k];

            if (rpc->fate == COMPAT_REMOVED && rpc_is_called(rpc->before, rename->before)) {
                if (from != NULL) {
                    return ambiguous(err, rename->before, from, rpc);
                }
                from = rpc;
                home = service;
            }
        }
    }
    if (from == NULL) {
        return CSVC_OK;
    }
    rename->used = true;
    for (size_t k = 0; k < home->n_rpcs; k++) {
        compat_rpc *rpc = &home->rpcs[k];

        if (rpc->fate == COMPAT_ADDED && rpc_is_called(rpc->now, rename->now)) {
            to = rpc;
        }
    }
    if (to == NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "%s=%s: no rpc %s came to %s with this change of the protos",
                              rename->before, rename->now, rename->now,
                              home->now != NULL ? home->now->full_name : home->before->full_name);
    }
    to->fate = COMPAT_RENAMED;
    to->before = from->before;
    memmove(from, from + 1, (size_t)(home->rpcs + home->n_rpcs - (from + 1)) * sizeof(*from));
    home->n_rpcs--;
    return CSVC_OK;
}

/* ---- what a removed one may have become ---- */

/* What is looked up of each rpc of a service, by its index. */
typedef struct seat {
    bool stayed;  /* is in both, or was renamed */
    bool taken;   /* some removed one may have become it */
    size_t place; /* how many that stayed stand before: two with the same number are in one place */
} seat;

static seat *seats_of(matching *m, const compat_service *service, bool is_new)
{
    size_t n = is_new ? service->now->n_rpcs : service->before->n_rpcs;
    seat *seats = take(m, n, sizeof(*seats));
    size_t place = 0;

    for (size_t i = 0; seats != NULL && i < service->n_rpcs; i++) {
        const compat_rpc *rpc = &service->rpcs[i];

        if (rpc->before != NULL && rpc->now != NULL) {
            seats[is_new ? rpc->now->index : rpc->before->index].stayed = true;
        }
    }
    for (size_t i = 0; seats != NULL && i < n; i++) {
        seats[i].place = place;
        place += seats[i].stayed ? 1 : 0;
    }
    return seats;
}

static void find_likely(matching *m, compat_service *service)
{
    seat *before = seats_of(m, service, false);
    seat *now = seats_of(m, service, true);

    for (size_t i = 0; before != NULL && now != NULL && i < service->n_rpcs; i++) {
        compat_rpc *gone = &service->rpcs[i];
        const gen_rpc *only = NULL;
        size_t n = 0;

        if (gone->fate != COMPAT_REMOVED) {
            continue;
        }
        for (size_t k = 0; k < service->n_rpcs && gone->likely == NULL; k++) {
            const gen_rpc *added = service->rpcs[k].now;

            if (service->rpcs[k].fate != COMPAT_ADDED || now[added->index].taken ||
                !compat_same_signature(gone->before, added)) {
                continue;
            }
            only = added;
            n++;
            if (before[gone->before->index].place == now[added->index].place) {
                gone->likely = added;
            }
        }
        if (gone->likely == NULL && n == 1) {
            gone->likely = only;
        }
        if (gone->likely != NULL) {
            now[gone->likely->index].taken = true;
        }
    }
}

/* Whether more than one that is gone has the name. */
static bool is_gone_twice(const matching *m, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < m->out.n_services; i++) {
        const compat_service *service = &m->out.services[i];

        for (size_t k = 0; k < service->n_rpcs; k++) {
            n += service->rpcs[k].fate == COMPAT_REMOVED &&
                         strcmp(service->rpcs[k].before->name, name) == 0
                     ? 1
                     : 0;
        }
    }
    return n > 1;
}

static void name_offers(matching *m, compat_service *service)
{
    if (service->likely != NULL) {
        service->offer = name_offer(m, "", service->before->full_name, service->likely->full_name);
    }
    for (size_t k = 0; k < service->n_rpcs; k++) {
        compat_rpc *rpc = &service->rpcs[k];

        if (rpc->likely != NULL) {
            const char *home =
                is_gone_twice(m, rpc->before->name) ? service->before->full_name : "";

            rpc->offer = name_offer(m, home, rpc->before->name, rpc->likely->name);
        }
    }
}

bool compat_keep(compat_services *matched, const char *name)
{
    bool found = false;

    for (size_t i = 0; i < matched->n_services; i++) {
        compat_service *service = &matched->services[i];

        if (service->now == NULL && is_called(service->before->full_name, name)) {
            service->likely = NULL;
            found = true;
        }
        for (size_t k = 0; k < service->n_rpcs; k++) {
            compat_rpc *rpc = &service->rpcs[k];

            if (rpc->fate == COMPAT_REMOVED && rpc_is_called(rpc->before, name)) {
                rpc->likely = NULL;
                found = true;
            }
        }
    }
    return found;
}

/* ---- all of it ---- */

csvc_code compat_match(csvc_arena *a, const gen_model *before, const gen_model *now,
                       compat_rename *renames, size_t n_renames, compat_services *ret,
                       csvc_error *err)
{
    matching m = {.a = a, .before = before, .now = now};
    csvc_code code = CSVC_OK;

    list_services(&m);
    for (size_t i = 0; code == CSVC_OK && !m.no_memory && i < n_renames; i++) {
        code = rename_service(&m, &renames[i], err);
    }
    for (size_t i = 0; code == CSVC_OK && !m.no_memory && i < m.out.n_services; i++) {
        list_rpcs(&m, &m.out.services[i]);
    }
    for (size_t i = 0; code == CSVC_OK && !m.no_memory && i < n_renames; i++) {
        code = renames[i].used ? CSVC_OK : rename_rpc(&m, &renames[i], err);
    }
    for (size_t i = 0; code == CSVC_OK && !m.no_memory && i < m.out.n_services; i++) {
        compat_service *service = &m.out.services[i];

        if (service->now == NULL) {
            service->likely = likely_service(&m, service->before);
        } else if (service->before != NULL) {
            find_likely(&m, service);
        }
    }
    for (size_t i = 0; code == CSVC_OK && !m.no_memory && i < m.out.n_services; i++) {
        name_offers(&m, &m.out.services[i]);
    }
    if (code == CSVC_OK && m.no_memory) {
        code = csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    }
    if (code == CSVC_OK) {
        *ret = m.out;
    }
    return code;
}
