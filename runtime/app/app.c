/* app/app.c: a server program from its flags to its exit code. */
#include <app/addresses.h>
#include <app/admin.h>
#include <app/notify.h>
#include <app/probe.h>
#include <app/server_settings.h>
#include <app/signals.h>
#include <app/stop.h>
#include <app/transports.h>
#include <base/health.h>
#include <csvc/alloc.h>
#include <csvc/app.h>
#include <csvc/log.h>
#include <csvc/std.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <base/banned.h>

enum {
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    MAX_CHANNELS = 64,
};

struct csvc_app {
    const csvc_app_info *info;
    csvc__setting settings[CSVC__N_SETTINGS];
    csvc__settings_wish wish;
    csvc__transports transports;
    csvc_health *health;
    csvc_metrics *metrics;
    csvc_call_metrics *call_metrics, *client_metrics;
    csvc_limits *limits;
    csvc__admin admin;
    csvc_server *srv;
    csvc_db *db;
    csvc_channel *channels[MAX_CHANNELS];
    size_t n_channels;
    int exit_code; /* of the first error; 0: none */
    csvc_error err;
};

/* What csvc_app_new gives when there is no memory for another; nobody writes to it. */
static csvc_app no_memory = {
    .exit_code = EXIT_FAILED,
    .err = {.code = CSVC_RESOURCE_EXHAUSTED, .text = "cannot start: out of memory"},
};

/* Whether the steps before run have anything to do. */
static bool going(const csvc_app *app)
{
    return app->exit_code == 0 && app->wish == CSVC__WISH_RUN;
}

/* Keeps the first error. */
static void failed(csvc_app *app, int exit_code, const char *what, const csvc_error *err)
{
    app->exit_code = exit_code;
    (void)csvc_error_set(&app->err, err->code, "%s: %s", what, err->text);
}

/* A text of a URL or an address, from its setting: wrong usage. */
static void bad_setting(csvc_app *app, csvc__server_setting which, const csvc_error *err)
{
    char flag[64], what[128];

    (void)snprintf(what, sizeof(what), "%s", csvc__setting_source(&app->settings[which], flag));
    failed(app, EXIT_USAGE, what, err);
}

/* ---- new ---- */

static const char *text_or_null(const csvc__setting *setting)
{
    return setting->value[0] != '\0' ? setting->value : NULL;
}

/* A file that is missing beside another one; false: wrong usage. */
static bool check_tls(csvc_app *app)
{
    const csvc__setting *s = app->settings;
    bool cert = s[CSVC__SET_TLS_CERT_FILE].value[0] != '\0';
    bool key = s[CSVC__SET_TLS_KEY_FILE].value[0] != '\0';
    bool ca = s[CSVC__SET_TLS_CLIENT_CA_FILE].value[0] != '\0';
    csvc__server_setting given = cert  ? CSVC__SET_TLS_CERT_FILE
                                 : key ? CSVC__SET_TLS_KEY_FILE
                                       : CSVC__SET_TLS_CLIENT_CA_FILE;
    csvc_error err = {CSVC_ERROR_INIT};

    if (cert == key && (cert || !ca)) {
        return true;
    }
    (void)csvc_error_set(&err, CSVC_INVALID_ARGUMENT, "it needs %s, too",
                         !cert && !key ? "TLS_CERT_FILE and TLS_KEY_FILE"
                         : cert        ? "TLS_KEY_FILE"
                                       : "TLS_CERT_FILE");
    bad_setting(app, given, &err);
    return false;
}

static const csvc_http_driver *http_of(const csvc_app_info *info)
{
    return info->struct_size >= offsetof(csvc_app_info, http) + sizeof(info->http) ? info->http
                                                                                   : NULL;
}

/* Those every program has. */
static void make_interceptors(csvc_app *app, csvc_error *err)
{
    const csvc_limits_options limits = {
        CSVC_LIMITS_OPTIONS_INIT,
        .max_calls = (uint32_t)app->settings[CSVC__SET_MAX_CALLS].number,
        .per_second = (double)app->settings[CSVC__SET_CALL_RATE].number,
        .burst = (uint32_t)app->settings[CSVC__SET_CALL_BURST].number,
    };

    app->health = csvc_health_new();
    if (app->metrics == NULL || app->health == NULL) {
        (void)csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
    } else {
        app->call_metrics = csvc_call_metrics_new(app->metrics, err);
        app->client_metrics = csvc_call_metrics_new_client(app->metrics, err);
        app->limits = csvc_limits_new(&limits, err);
    }
    if (app->call_metrics == NULL || app->client_metrics == NULL || app->limits == NULL) {
        failed(app, EXIT_FAILED, "cannot make the server", err);
        return;
    }
    csvc_app_intercept(app, &csvc_measuring, app->call_metrics);
    csvc_app_intercept(app, &csvc_logging, NULL);
    csvc_app_intercept(app, &csvc_limiting, app->limits);
}

static void make_server(csvc_app *app)
{
    const csvc__setting *s = app->settings;
    csvc_server_options options = {
        CSVC_SERVER_OPTIONS_INIT,
        .loops = (uint32_t)s[CSVC__SET_GRPC_LOOPS].number,
        .max_workers = (uint32_t)s[CSVC__SET_MAX_WORKERS].number,
        .max_queued = (uint32_t)s[CSVC__SET_MAX_QUEUED].number,
        .max_message_bytes = (uint32_t)s[CSVC__SET_GRPC_MAX_MESSAGE_BYTES].number,
        .max_metadata_bytes = (uint32_t)s[CSVC__SET_GRPC_MAX_METADATA_BYTES].number,
        .max_streams = (uint32_t)s[CSVC__SET_GRPC_MAX_STREAMS].number,
        .max_buffered_bytes = (size_t)s[CSVC__SET_GRPC_MAX_BUFFERED_BYTES].number,
        .max_call_memory = (size_t)s[CSVC__SET_MAX_CALL_MEMORY].number,
        .slow_call_ms = s[CSVC__SET_SLOW_CALL].number > 0 ? s[CSVC__SET_SLOW_CALL].number : -1,
        .max_reply_bytes = (uint32_t)s[CSVC__SET_GRPC_MAX_REPLY_BYTES].number,
        .compress_bytes = (uint32_t)s[CSVC__SET_GRPC_COMPRESS_BYTES].number,
        .tls_cert_file = text_or_null(&s[CSVC__SET_TLS_CERT_FILE]),
        .tls_key_file = text_or_null(&s[CSVC__SET_TLS_KEY_FILE]),
        .tls_client_ca_file = text_or_null(&s[CSVC__SET_TLS_CLIENT_CA_FILE]),
        .handshake_timeout_ms = s[CSVC__SET_GRPC_HANDSHAKE_TIMEOUT].number,
        .keepalive_ms = s[CSVC__SET_GRPC_KEEPALIVE].number,
        .keepalive_timeout_ms = s[CSVC__SET_GRPC_KEEPALIVE_TIMEOUT].number,
        .min_ping_ms = s[CSVC__SET_GRPC_MIN_PING_INTERVAL].number,
        .max_idle_ms = s[CSVC__SET_GRPC_MAX_IDLE].number,
        .max_age_ms = s[CSVC__SET_GRPC_MAX_AGE].number,
        .max_age_grace_ms = s[CSVC__SET_GRPC_MAX_AGE_GRACE].number,
        .max_connections = (uint32_t)s[CSVC__SET_GRPC_MAX_CONNECTIONS].number,
        .max_send_queue = (uint32_t)s[CSVC__SET_GRPC_MAX_SEND_QUEUE].number,
        .max_send_queue_bytes = (size_t)s[CSVC__SET_GRPC_MAX_SEND_QUEUE_BYTES].number,
        .metrics = app->metrics,
    };
    csvc_error err = {CSVC_ERROR_INIT};

    if (!check_tls(app)) {
        return;
    }
    if (!s[CSVC__SET_TRANSPORT].absent &&
        csvc__transports_find(&app->transports, s[CSVC__SET_TRANSPORT].value, &options.transport,
                              &err) != CSVC_OK) {
        bad_setting(app, CSVC__SET_TRANSPORT, &err);
        return;
    }
    app->srv = csvc_server_new(&options, &err);
    if (app->srv == NULL) {
        failed(app, EXIT_FAILED, "cannot make the server", &err);
        return;
    }
    make_interceptors(app, &err);
}

csvc_app *csvc_app_new(const csvc_app_info *info, int argc, char **argv)
{
    csvc_app *app = csvc__calloc(1, sizeof(*app));
    csvc_code code;

    if (app == NULL) {
        return &no_memory;
    }
    app->info = info;
    memcpy(app->settings, csvc__server_settings, sizeof(csvc__server_settings));
    app->settings[CSVC__SET_DATABASE_URL].fallback = info->database_url;
    app->settings[CSVC__SET_DATABASE_URL].absent = info->database_url == NULL;
    app->settings[CSVC__SET_ADMIN_ADDR].absent = http_of(info) == NULL;
    csvc__transports_init(&app->transports, info, &app->settings[CSVC__SET_TRANSPORT]);
    code = csvc__settings_read(app->settings, CSVC__N_SETTINGS, argc, argv, &app->wish, &app->err);
    if (code != CSVC_OK) {
        app->exit_code = EXIT_USAGE;
        return app;
    }
    if (app->wish == CSVC__WISH_RUN) {
        csvc_log_set_level((csvc_log_level)app->settings[CSVC__SET_LOG_LEVEL].number);
        csvc_log_set_format((csvc_log_format)app->settings[CSVC__SET_LOG_FORMAT].number);
        app->metrics = csvc_metrics_new(NULL);
        make_server(app);
    }
    return app;
}

/* ---- what a program adds ---- */

/* A program made by an older generator names none. */
static const csvc_entity *const *entities_of(const csvc_app_info *info)
{
    return info->struct_size > offsetof(csvc_app_info, entities) ? info->entities : NULL;
}

csvc_db *csvc_app_database(csvc_app *app, const csvc_migrations *const *sets)
{
    csvc_db_options options = {CSVC_DB_OPTIONS_INIT};
    csvc_error err = {CSVC_ERROR_INIT};

    if (!going(app)) {
        return NULL;
    }
    if (app->info->database_url == NULL || app->db != NULL) {
        (void)csvc_error_set(&err, CSVC_FAILED_PRECONDITION, "%s",
                             app->db != NULL ? "it has been opened before"
                                             : "this program was made without storage");
        failed(app, EXIT_FAILED, "cannot open the database", &err);
        return NULL;
    }
    options.drivers = app->info->drivers;
    app->db = csvc_db_open(app->settings[CSVC__SET_DATABASE_URL].value, &options, &err);
    if (app->db == NULL) {
        if (err.code == CSVC_INVALID_ARGUMENT) {
            bad_setting(app, CSVC__SET_DATABASE_URL, &err);
        } else {
            failed(app, EXIT_FAILED, "cannot open the database", &err);
        }
    } else if (csvc_db_migrate(app->db, sets, &err) != CSVC_OK) {
        failed(app, EXIT_FAILED, "cannot migrate the database", &err);
    } else if (csvc_db_check(app->db, entities_of(app->info), &err) != CSVC_OK) {
        failed(app, EXIT_FAILED, "the database does not fit this program", &err);
    }
    return going(app) ? app->db : NULL;
}

void csvc_app_intercept(csvc_app *app, const csvc_interceptor *interceptor, void *self)
{
    csvc_error err = {CSVC_ERROR_INIT};

    if (!going(app)) {
        return;
    }
    err.code = csvc_server_intercept(app->srv, interceptor, self);
    if (err.code != CSVC_OK) {
        (void)csvc_error_set(&err, err.code, "%s",
                             err.code == CSVC_RESOURCE_EXHAUSTED ? "there are too many"
                                                                 : "it is not a valid one");
        failed(app, EXIT_FAILED, "cannot add an interceptor", &err);
    }
}

void csvc_app_register(csvc_app *app, const csvc_service *service, const void *ops, void *self)
{
    csvc_error err = {CSVC_ERROR_INIT};
    char what[256];

    if (!going(app)) {
        return;
    }
    err.code = csvc_server_register(app->srv, service, ops, self);
    if (err.code == CSVC_OK) {
        err.code = csvc__health_add(app->health, service->name);
    }
    if (err.code != CSVC_OK) {
        (void)csvc_error_set(&err, err.code, "%s",
                             err.code == CSVC_ALREADY_EXISTS ? "it is registered twice"
                             : err.code == CSVC_INVALID_ARGUMENT
                                 ? "its tables are of another release; run `c-svc generate`"
                                 : "out of memory");
        (void)snprintf(what, sizeof(what), "cannot serve %s", service->name);
        failed(app, EXIT_FAILED, what, &err);
    }
}

csvc_health *csvc_app_health(csvc_app *app)
{
    return app->health;
}

csvc_limits *csvc_app_limits(csvc_app *app)
{
    return app->limits;
}

csvc_metrics *csvc_app_metrics(csvc_app *app)
{
    return app->metrics;
}

csvc_channel *csvc_app_channel(csvc_app *app, const char *target)
{
    return csvc_app_channel_with(app, target, NULL);
}

csvc_channel *csvc_app_channel_with(csvc_app *app, const char *target,
                                    const csvc_channel_options *given)
{
    csvc_channel_options options = {CSVC_CHANNEL_OPTIONS_INIT};
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_channel *ch = NULL;
    char what[256];

    if (!going(app)) {
        return NULL;
    }
    if (given != NULL) {
        memcpy(&options, given,
               given->struct_size < sizeof(options) ? given->struct_size : sizeof(options));
    }
    if (app->n_channels == MAX_CHANNELS) {
        (void)csvc_error_set(&err, CSVC_RESOURCE_EXHAUSTED, "more than %d channels",
                             (int)MAX_CHANNELS);
    } else if (options.transport != NULL ||
               csvc__transports_caller(&app->transports, &options.transport, &err) == CSVC_OK) {
        ch = csvc_channel_new(target, &options, &err);
    }
    if (ch != NULL) {
        err.code = csvc_channel_intercept(ch, &csvc_measuring, app->client_metrics);
        if (err.code != CSVC_OK) {
            (void)csvc_error_set(&err, err.code, "out of memory");
            ch = csvc_channel_free(ch);
        }
    }
    if (ch == NULL) {
        (void)snprintf(what, sizeof(what), "cannot call %s", target != NULL ? target : "nobody");
        failed(app, EXIT_FAILED, what, &err);
        return NULL;
    }
    app->channels[app->n_channels++] = ch;
    return ch;
}

/* ---- run ---- */

/* As many connections as the system grants: the C core never accepts again once it ran out. */
static void raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* A failure to bind: of an address that is none, wrong usage. */
static void cannot_listen(csvc_app *app, csvc__server_setting which, const char *what,
                          const csvc_error *err)
{
    if (err->code == CSVC_INVALID_ARGUMENT) {
        bad_setting(app, which, err);
    } else {
        failed(app, EXIT_FAILED, what, err);
    }
}

/* Before the server: who asks whether it is ready gets an answer from then on. False: it failed. */
static bool start_admin(csvc_app *app, char *ret_at, size_t size)
{
    const char *address = app->settings[CSVC__SET_ADMIN_ADDR].value;
    csvc_error err = {CSVC_ERROR_INIT};
    int port = 0;

    ret_at[0] = '\0';
    if (app->settings[CSVC__SET_ADMIN_ADDR].absent || strcmp(address, "off") == 0) {
        return true;
    }
    app->admin.driver = http_of(app->info);
    app->admin.health = app->health;
    app->admin.metrics = app->metrics;
    app->admin.srv = app->srv;
    app->admin.settings = app->settings;
    app->admin.n_settings = CSVC__N_SETTINGS;
    if (csvc__admin_start(&app->admin, address, &port, &err) != CSVC_OK) {
        cannot_listen(app, CSVC__SET_ADMIN_ADDR,
                      "cannot listen for the admin pages (--admin-addr, off for none)", &err);
        return false;
    }
    csvc__address_print(address, port, ret_at, size);
    return true;
}

/* Health and reflection, unless the program serves its own. */
static bool add_standard_services(csvc_app *app)
{
    csvc_error err = {CSVC_ERROR_INIT};

    err.code = csvc_health_register(app->srv, app->health);
    if (app->settings[CSVC__SET_REFLECTION].number != 0 &&
        (err.code == CSVC_OK || err.code == CSVC_ALREADY_EXISTS)) {
        err.code = csvc_reflection_register(app->srv);
    }
    if (err.code != CSVC_OK && err.code != CSVC_ALREADY_EXISTS) {
        (void)csvc_error_set(&err, err.code, "out of memory");
        failed(app, EXIT_FAILED, "cannot serve health and reflection", &err);
        return false;
    }
    return true;
}

static void start(csvc_app *app)
{
    csvc_error err = {CSVC_ERROR_INIT};
    char at[CSVC__ADDRESSES_SIZE], admin_at[256], storage[512];

    raise_file_limit();
    if (!add_standard_services(app)) {
        return;
    }
    if (csvc__addresses_listen(app->srv, app->settings[CSVC__SET_GRPC_ADDR].value, at, &err) !=
        CSVC_OK) {
        cannot_listen(app, CSVC__SET_GRPC_ADDR, "cannot listen", &err);
        return;
    }
    if (!start_admin(app, admin_at, sizeof(admin_at))) {
        return;
    }
    if (csvc_server_start(app->srv, &err) != CSVC_OK) {
        failed(app, EXIT_FAILED, "cannot start", &err);
        return;
    }
    if (app->db != NULL) {
        csvc__setting_show(&app->settings[CSVC__SET_DATABASE_URL], storage, sizeof(storage));
    }
    atomic_store(&app->admin.ready, true);
    csvc_log(CSVC_LOG_INFO, "listening", "grpc", at, "transport",
             app->settings[CSVC__SET_TRANSPORT].value, "tls",
             app->settings[CSVC__SET_TLS_CERT_FILE].value[0] == '\0'        ? "off"
             : app->settings[CSVC__SET_TLS_CLIENT_CA_FILE].value[0] == '\0' ? "on"
                                                                            : "mutual",
             "admin", admin_at[0] != '\0' ? admin_at : NULL, "storage",
             app->db != NULL ? storage : NULL, NULL);
    csvc__notify("READY=1");
}

static void report(const csvc_app *app)
{
    const char *name = app->info != NULL ? app->info->name : "csvc";

    (void)fprintf(stderr, "%s: %s\n", name, app->err.text);
    if (app->exit_code == EXIT_USAGE) {
        (void)fprintf(stderr, "Try '%s --help'.\n", name);
    }
}

static void help(const csvc_app *app)
{
    char purpose[4096];
    size_t len;

    len = (size_t)snprintf(purpose, sizeof(purpose), "Serves over gRPC until SIGTERM or SIGINT:");
    for (size_t i = 0; app->info->services != NULL && app->info->services[i] != NULL; i++) {
        if (len < sizeof(purpose)) {
            len += (size_t)snprintf(purpose + len, sizeof(purpose) - len, " %s",
                                    app->info->services[i]->name);
        }
    }
    csvc__settings_help(app->info->name, purpose, app->settings, CSVC__N_SETTINGS);
}

/* Asks the program that runs with the same settings. */
static void ask_health(csvc_app *app)
{
    const csvc__setting *admin = &app->settings[CSVC__SET_ADMIN_ADDR];
    csvc_error err = {CSVC_ERROR_INIT};

    if (admin->absent || strcmp(admin->value, "off") == 0) {
        (void)csvc_error_set(&err, CSVC_FAILED_PRECONDITION,
                             "it asks the admin address, and there is none");
        failed(app, EXIT_FAILED, "--health", &err);
    } else if (csvc__probe(admin->value, &err) == CSVC_INVALID_ARGUMENT) {
        bad_setting(app, CSVC__SET_ADMIN_ADDR, &err);
    } else if (err.code != CSVC_OK) {
        failed(app, EXIT_FAILED, "--health", &err);
    }
}

static int end(csvc_app *app)
{
    const int exit_code = app->exit_code;

    if (app == &no_memory) {
        return exit_code;
    }
    /* the pages look at the server; handlers use channels and database: the server goes next */
    csvc__admin_stop(&app->admin);
    (void)csvc_server_free(app->srv);
    (void)csvc_health_free(app->health);
    while (app->n_channels > 0) {
        (void)csvc_channel_free(app->channels[--app->n_channels]);
    }
    (void)csvc_call_metrics_free(app->call_metrics);
    (void)csvc_call_metrics_free(app->client_metrics);
    (void)csvc_limits_free(app->limits);
    (void)csvc_metrics_free(app->metrics);
    (void)csvc_db_close(app->db);
    csvc__free(app);
    return exit_code;
}

int csvc_app_run(csvc_app *app)
{
    csvc_error err = {CSVC_ERROR_INIT};

    if (app->wish == CSVC__WISH_HELP) {
        help(app);
    } else if (app->wish == CSVC__WISH_VERSION) {
        (void)printf("%s, c-svc %s\n", app->info->name, CSVC_VERSION);
    } else if (app->wish == CSVC__WISH_HEALTH && app->exit_code == 0) {
        ask_health(app);
    } else if (app->exit_code == 0) {
        if (csvc__signals_take(&err) != CSVC_OK) {
            failed(app, EXIT_FAILED, "cannot run", &err);
        } else {
            start(app);
            if (app->exit_code == 0) {
                const csvc__stop stop = {app->srv, app->health,
                                         &app->settings[CSVC__SET_SHUTDOWN_DELAY],
                                         &app->settings[CSVC__SET_SHUTDOWN_GRACE]};

                app->exit_code = csvc__stop_at_signal(&stop) ? 0 : EXIT_FAILED;
            }
            csvc__signals_give_back();
        }
    }
    if (app->exit_code != 0 && app->err.text[0] != '\0') {
        report(app);
    }
    return end(app);
}
