/* testing/testing.c: a server in the process of a test. */
#include <csvc/alloc.h>
#include <csvc/testing.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/banned.h>

enum {
    MAX_DATABASES = 16
};

struct csvc_testing {
    const csvc_transport *client;
    csvc_server *srv;
    csvc_channel *ch; /* once started */
    int port;
    csvc_db *dbs[MAX_DATABASES];
    size_t n_dbs;
};

/* A test has nothing better to do than to end here. */
static _Noreturn void give_up(const char *what, const csvc_error *err)
{
    (void)fprintf(stderr, "csvc_testing: %s: %s: %s\n", what, csvc_code_name(err->code), err->text);
    exit(1);
}

static const csvc_error no_memory = {.code = CSVC_RESOURCE_EXHAUSTED, .text = "out of memory"};

csvc_testing *csvc_testing_new(const csvc_transport *transport)
{
    return csvc_testing_new_with(transport, transport);
}

csvc_testing *csvc_testing_new_with(const csvc_transport *server, const csvc_transport *client)
{
    csvc_server_options options = {CSVC_SERVER_OPTIONS_INIT, .transport = server};
    csvc_testing *t = csvc__calloc(1, sizeof(*t));
    csvc_error err = {CSVC_ERROR_INIT};

    if (t == NULL) {
        give_up("cannot make a server", &no_memory);
    }
    t->client = client;
    t->srv = csvc_server_new(&options, &err);
    if (t->srv == NULL) {
        give_up("cannot make a server", &err);
    }
    return t;
}

csvc_server *csvc_testing_server(csvc_testing *t)
{
    return t->srv;
}

csvc_channel *csvc_testing_channel(csvc_testing *t)
{
    const csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT, .transport = t->client};
    csvc_error err = {CSVC_ERROR_INIT};
    char target[32];

    if (t->ch != NULL) {
        return t->ch;
    }
    if (csvc_server_listen(t->srv, "127.0.0.1:0", &t->port, &err) != CSVC_OK ||
        csvc_server_start(t->srv, &err) != CSVC_OK) {
        give_up("cannot start the server", &err);
    }
    (void)snprintf(target, sizeof(target), "ipv4:127.0.0.1:%d", t->port);
    t->ch = csvc_channel_new(target, &options, &err);
    if (t->ch == NULL) {
        give_up("cannot make a channel", &err);
    }
    return t->ch;
}

int csvc_testing_port(const csvc_testing *t)
{
    return t->port;
}

csvc_db *csvc_testing_database(csvc_testing *t, const csvc_db_driver *driver,
                               const csvc_migrations *const *sets)
{
    const csvc_db_driver *const drivers[] = {driver, NULL};
    const csvc_db_options options = {CSVC_DB_OPTIONS_INIT, .drivers = drivers};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_db *db;

    if (t->n_dbs == MAX_DATABASES) {
        (void)csvc_error_set(&err, CSVC_RESOURCE_EXHAUSTED, "more than %d of them",
                             (int)MAX_DATABASES);
        give_up("cannot open a database", &err);
    }
    db = csvc_db_open("sqlite::memory:", &options, &err);
    if (db == NULL) {
        give_up("cannot open a database", &err);
    }
    t->dbs[t->n_dbs++] = db;
    if (csvc_db_migrate(db, sets, &err) != CSVC_OK) {
        give_up("cannot migrate the database", &err);
    }
    return db;
}

csvc_testing *csvc_testing_free(csvc_testing *t)
{
    if (t == NULL) {
        return NULL;
    }
    /* handlers use the databases: the server goes before them */
    (void)csvc_channel_free(t->ch);
    (void)csvc_server_free(t->srv);
    while (t->n_dbs > 0) {
        (void)csvc_db_close(t->dbs[--t->n_dbs]);
    }
    csvc__free(t);
    return NULL;
}
