/* grpc_core/names.h: whose descriptors the connections are that we have accepted. */
#ifndef CSVC_GRPC_CORE_NAMES_H
#define CSVC_GRPC_CORE_NAMES_H

#include <transport/grpc_core/acceptor.h>

#include <pthread.h>

/* The last connections under one number, newest first. */
typedef struct gc_name {
    struct gc_name *older;
    uint64_t since; /* in connections: `now` when it was added */
    int64_t ended;  /* csvc__now() time; 0: it has not */
    char text[];
} gc_name;

typedef struct gc_names {
    atomic_uint_fast64_t now; /* connections so far */
    pthread_mutex_t lock;     /* of the rest */
    gc_name **by_number;
    size_t n_numbers;
} gc_names;

void csvc__gc_names_init(gc_names *names);
void csvc__gc_names_release(gc_names *names);

/* One more connection, under this number. False: no memory. */
bool csvc__gc_names_add(gc_names *names, int number, const char *text) CSVC_MUST_CHECK;
void csvc__gc_names_ended(gc_names *names, int number, int64_t at);

/* Whether no connection under this number has ended since then. */
bool csvc__gc_names_rested(gc_names *names, int number, int64_t since);

/* As csvc__gc_acceptor_peer. */
bool csvc__gc_names_find(gc_names *names, const char *uri, uint64_t when,
                         char ret_name[CSVC__NET_PEER_SIZE]);

#endif /* CSVC_GRPC_CORE_NAMES_H */
