/*
 * grpc_core/names.c: whose descriptors the connections are that we have accepted.
 *
 * The core calls such a connection "fd:N" and closes N when it likes, so a call may ask for its
 * peer when N is another connection's. Each number keeps its last few connections with their place
 * in the order of all; a call knows how many there had been when it arrived.
 */
#include <csvc/alloc.h>
#include <transport/grpc_core/names.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/banned.h>

enum {
    FIRST = 64,
    KEPT = 4, /* connections of one number */
};

void csvc__gc_names_init(gc_names *names)
{
    atomic_init(&names->now, 0);
    (void)pthread_mutex_init(&names->lock, NULL);
    names->by_number = NULL;
    names->n_numbers = 0;
}

static void free_from(gc_name *name)
{
    while (name != NULL) {
        gc_name *older = name->older;

        csvc__free(name);
        name = older;
    }
}

void csvc__gc_names_release(gc_names *names)
{
    for (size_t i = 0; i < names->n_numbers; i++) {
        free_from(names->by_number[i]);
    }
    csvc__free(names->by_number);
    (void)pthread_mutex_destroy(&names->lock);
}

/* Room for a number; with the lock. Numbers are small: the system gives the lowest that is free. */
static bool reach(gc_names *names, size_t number)
{
    size_t n = names->n_numbers == 0 ? FIRST : names->n_numbers;
    gc_name **by_number;

    if (number < names->n_numbers) {
        return true;
    }
    while (n <= number) {
        n *= 2;
    }
    by_number = csvc__calloc(n, sizeof(gc_name *));
    if (by_number == NULL) {
        return false;
    }
    if (names->n_numbers > 0) {
        memcpy(by_number, names->by_number, names->n_numbers * sizeof(gc_name *));
    }
    csvc__free(names->by_number);
    names->by_number = by_number;
    names->n_numbers = n;
    return true;
}

static void forget_old(gc_name *name)
{
    for (int i = 1; name != NULL; i++, name = name->older) {
        if (i == KEPT) {
            free_from(name->older);
            name->older = NULL;
        }
    }
}

bool csvc__gc_names_add(gc_names *names, int number, const char *text)
{
    const size_t size = strlen(text) + 1;
    gc_name *name = csvc__malloc(sizeof(*name) + size);
    bool ok;

    if (name == NULL) {
        return false;
    }
    name->ended = 0;
    memcpy(name->text, text, size);
    (void)pthread_mutex_lock(&names->lock);
    ok = reach(names, (size_t)number);
    if (ok) {
        name->since = atomic_fetch_add_explicit(&names->now, 1, memory_order_relaxed) + 1;
        name->older = names->by_number[number];
        names->by_number[number] = name;
        forget_old(name);
    }
    (void)pthread_mutex_unlock(&names->lock);
    if (!ok) {
        csvc__free(name);
    }
    return ok;
}

void csvc__gc_names_ended(gc_names *names, int number, int64_t at)
{
    (void)pthread_mutex_lock(&names->lock);
    names->by_number[number]->ended = at;
    (void)pthread_mutex_unlock(&names->lock);
}

bool csvc__gc_names_rested(gc_names *names, int number, int64_t since)
{
    bool rested = true;

    (void)pthread_mutex_lock(&names->lock);
    if ((size_t)number < names->n_numbers && names->by_number[number] != NULL) {
        const int64_t ended = names->by_number[number]->ended;

        rested = ended != 0 && ended <= since; /* 0: we have not heard of its end yet */
    }
    (void)pthread_mutex_unlock(&names->lock);
    return rested;
}

bool csvc__gc_names_find(gc_names *names, const char *uri, uint64_t when,
                         char ret_name[CSVC__NET_PEER_SIZE])
{
    unsigned long number;
    const gc_name *name = NULL;
    bool found;

    if (strncmp(uri, "fd:", 3) != 0) {
        return false;
    }
    number = strtoul(uri + 3, NULL, 10);
    (void)pthread_mutex_lock(&names->lock);
    if (number < names->n_numbers) {
        name = names->by_number[number];
    }
    while (name != NULL && name->since > when) {
        name = name->older;
    }
    found = name != NULL;
    if (found) {
        (void)snprintf(ret_name, CSVC__NET_PEER_SIZE, "%s", name->text);
    }
    (void)pthread_mutex_unlock(&names->lock);
    return found;
}
