/* service_testing.c: see service_testing.h. */
#include "service_testing.h"

#include "request_id.h"

#include <stdlib.h>

int service_testing_start(void **state)
{
    struct service_testing *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        return -1;
    }
    t->rpc.struct_size = sizeof(t->rpc);
    t->rpc.timeout_ms = 10000;
    t->ctx = csvc_ctx_new(NULL);
    if (t->ctx == NULL) {
        free(t);
        return -1;
    }
    t->testing = csvc_testing_new_with(user_service_app.transports[0], &csvc_grpc_core);
    t->svc.db = csvc_testing_database(t->testing, &csvc_sqlite, user_service_migrations);
    if (csvc_server_intercept(csvc_testing_server(t->testing), &request_id, NULL) != CSVC_OK ||
        services_register_server(csvc_testing_server(t->testing), &t->svc) != CSVC_OK) {
        csvc_testing_free(t->testing);
        csvc_ctx_unref(t->ctx);
        free(t);
        return -1;
    }
    t->channel = csvc_testing_channel(t->testing);
    *state = t;
    return 0;
}

int service_testing_stop(void **state)
{
    struct service_testing *t = *state;

    csvc_rpc_clear(&t->rpc);
    csvc_testing_free(t->testing);
    csvc_ctx_unref(t->ctx);
    free(t);
    return 0;
}

void service_assert_code(csvc_code expected, csvc_code code, const char *call, const char *file,
                         int line)
{
    if (code != expected) {
        print_error("%s answered %s, not %s\n", call, csvc_code_name(code),
                    csvc_code_name(expected));
        _fail(file, line);
    }
}
