/* user-service: the server. `build/user-service --help` lists its settings. */
#include "request_id.h"
#include "services.h"

int main(int argc, char **argv)
{
    struct service svc = {0};
    /* gen/services.c says what is linked; flags and environment say the rest. */
    csvc_app *app = csvc_app_new(&user_service_app, argc, argv);

    /* Opens DATABASE_URL and brings its schema up to date. */
    svc.db = csvc_app_database(app, user_service_migrations);
    /* Runs around every call; the first of your own may stand beside it. */
    csvc_app_intercept(app, &request_id, NULL);
    /* Every rpc of the project gets its handler, and the handlers get svc. */
    services_register(app, &svc);
    /* Serves until SIGTERM or SIGINT, stops gracefully, frees all; says what went wrong. */
    return csvc_app_run(app);
}
