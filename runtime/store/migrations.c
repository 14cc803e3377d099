/*
 * store/migrations.c: the schema, brought up to date step by step.
 *
 * Each step looks again at what ran, under the lock, so that two programs starting at once take
 * turns and neither runs a step of the other's.
 */
#include <base/clock.h>
#include <base/map.h>
#include <store/db.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

#define TABLE "\"csvc_migrations\""

struct migrate_call {
    const csvc_migrations *set;
    size_t n_done; /* steps recorded so far */
    csvc_error *err;
    csvc_code code;
    bool ran;                   /* a step; there may be more */
    unsigned flags;             /* of the driver's, for this step */
    const csvc_migration *step; /* the one that ran last; NULL */
};

static uint64_t checksum_of(const csvc_migration *step)
{
    return step->checksum != 0 ? step->checksum : csvc__hash(step->sql, strlen(step->sql));
}

static csvc__sql sql_of(const char *text)
{
    const size_t len = strlen(text);

    return (csvc__sql){.text = text, .len = len, .hash = csvc__hash(text, len)};
}

static csvc_value text_value(const char *text)
{
    return (csvc_value){
        .type = CSVC_VALUE_TEXT,
        .bytes = {.len = strlen(text), .data = (const uint8_t *)text},
    };
}

/* ---- what ran ---- */

/* One recorded step, in order; compared with the program's. */
static csvc_code check_step(void *self, const csvc_value *values, size_t n_values)
{
    struct migrate_call *call = self;
    const csvc_migration *step;
    char checksum[17];
    const char *name;

    if (n_values != 3 || values[0].type != CSVC_VALUE_INT || values[1].type != CSVC_VALUE_TEXT ||
        values[2].type != CSVC_VALUE_TEXT) {
        return csvc_error_set(call->err, CSVC_FAILED_PRECONDITION,
                              "the table csvc_migrations is not one that c-svc made");
    }
    name = (const char *)values[1].bytes.data;
    if (values[0].i != (int64_t)call->n_done + 1) {
        return csvc_error_set(call->err, CSVC_FAILED_PRECONDITION,
                              "the database lacks migration %zu although it has %.100s; restore "
                              "its table csvc_migrations",
                              call->n_done + 1, name);
    }
    if (call->n_done == call->set->n_steps) {
        return csvc_error_set(call->err, CSVC_FAILED_PRECONDITION,
                              "the database has migration %.100s, this program knows only %zu; "
                              "start the newer program, or restore the database from before",
                              name, call->set->n_steps);
    }
    step = &call->set->steps[call->n_done];
    (void)snprintf(checksum, sizeof(checksum), "%016" PRIx64, checksum_of(step));
    if (strcmp(checksum, (const char *)values[2].bytes.data) != 0) {
        return csvc_error_set(call->err, CSVC_FAILED_PRECONDITION,
                              "migration %.100s was changed after it ran here; put it back as it "
                              "was and write the change as a new migration",
                              step->name);
    }
    call->n_done++;
    return CSVC_OK;
}

/* ---- a step ---- */

/* Runs a statement of ours; the error names what it was for. */
static csvc_code run(csvc__conn *conn, struct migrate_call *call, const char *text,
                     const csvc_value *params, size_t n_params, csvc__row_fn *row)
{
    const csvc__sql sql = sql_of(text);
    csvc__problem problem;
    csvc_code code =
        conn->driver->run(conn, NULL, 0, &sql, params, n_params, row, call, NULL, &problem);

    if (code != CSVC_OK && problem.code != CSVC_OK) {
        return csvc_error_set(call->err, code, "the table csvc_migrations: %s",
                              csvc__problem_said(&problem));
    }
    return code;
}

static csvc_code record(csvc__conn *conn, struct migrate_call *call, const csvc_migration *step)
{
    csvc__buffer b;
    csvc_value params[4];
    char checksum[17];
    char now[CSVC__RFC3339_SIZE];
    csvc_code code = CSVC_RESOURCE_EXHAUSTED;

    (void)snprintf(checksum, sizeof(checksum), "%016" PRIx64, checksum_of(step));
    if (!csvc__rfc3339_print(csvc__unix_now() / CSVC__SECOND, 0, now)) {
        now[0] = '\0';
    }
    params[0] = (csvc_value){.type = CSVC_VALUE_INT, .i = step->version};
    params[1] = text_value(step->name);
    params[2] = text_value(checksum);
    params[3] = text_value(now);
    csvc__buffer_init(&b, 1000);
    csvc__buffer_puts(&b, "INSERT INTO " TABLE
                          " (\"version\", \"name\", \"checksum\", \"applied_at\") VALUES (");
    conn->driver->param(&b, 1, CSVC__CELL_INT);
    for (size_t i = 2; i <= 4; i++) {
        csvc__buffer_puts(&b, ", ");
        conn->driver->param(&b, i, CSVC__CELL_TEXT);
    }
    csvc__buffer_putc(&b, ')');
    if (csvc__buffer_ok(&b)) {
        code = run(conn, call, b.data, params, 4, NULL);
    } else {
        (void)csvc_error_set(call->err, code, "out of memory");
    }
    csvc__buffer_release(&b);
    return code;
}

/* Compares what ran with the program's steps. */
static csvc_code check_steps(csvc__conn *conn, struct migrate_call *call)
{
    call->n_done = 0;
    return run(conn, call,
               "SELECT \"version\", \"name\", \"checksum\" FROM " TABLE " ORDER BY \"version\"",
               NULL, 0, check_step);
}

/* Without a lock: OK when there is nothing to do. A new database has not even the table. */
static csvc_code look(csvc__conn *conn, csvc_ctx *ctx, void *self)
{
    struct migrate_call *call = self;

    (void)ctx;
    call->code = check_steps(conn, call);
    return call->code;
}

/* What the next step asks of the driver. */
static unsigned flags_of(const csvc_db_driver *driver, const struct migrate_call *call)
{
    return call->n_done < call->set->n_steps && driver->unties != NULL &&
                   driver->unties(call->set->steps[call->n_done].sql)
               ? CSVC__EXCLUSIVE_UNTIED
               : 0;
}

/* A line `TODO: ...;` is no SQL: c-svc writes it where somebody has to decide. */
static csvc_code fail_script(struct migrate_call *call, const csvc_migration *step,
                             const csvc__problem *problem)
{
    if (strstr(problem->text, "near \"TODO\"") != NULL) {
        return csvc_error_set(call->err, CSVC_FAILED_PRECONDITION,
                              "migration %.100s waits for a decision: %.*s says TODO; do what it "
                              "says, build again and start",
                              step->name, (int)strcspn(problem->text, ":"), problem->text);
    }
    if (call->code == CSVC_INVALID_ARGUMENT || call->code == CSVC_ALREADY_EXISTS ||
        call->code == CSVC_FAILED_PRECONDITION) { /* a constraint: the step is at fault */
        call->code = CSVC_INTERNAL;
    }
    return csvc_error_set(call->err, call->code,
                          "migration %.100s failed at %.300s; nothing of it was kept, mend it "
                          "and start again",
                          step->name, problem->text);
}

/* Within a transaction: look what ran, run the next step, note it. */
static csvc_code run_step(csvc__conn *conn, csvc_ctx *ctx, void *self)
{
    struct migrate_call *call = self;
    const csvc_migration *step;
    csvc__problem problem;

    (void)ctx;
    call->ran = false;
    call->step = NULL;
    call->code = run(conn, call,
                     "CREATE TABLE IF NOT EXISTS " TABLE " (\"version\" INTEGER PRIMARY KEY, "
                     "\"name\" TEXT NOT NULL, \"checksum\" TEXT NOT NULL, "
                     "\"applied_at\" TEXT NOT NULL)",
                     NULL, 0, NULL);
    if (call->code == CSVC_OK) {
        call->code = check_steps(conn, call);
    }
    if (call->code != CSVC_OK || call->n_done == call->set->n_steps) {
        return call->code;
    }
    if (flags_of(conn->driver, call) != call->flags) { /* another starter was quicker */
        call->ran = true;
        return CSVC_OK;
    }
    step = &call->set->steps[call->n_done];
    call->code = conn->driver->script(conn, step->sql, &problem);
    if (call->code != CSVC_OK) {
        call->code = fail_script(call, step, &problem);
        return call->code;
    }
    call->code = record(conn, call, step);
    call->ran = call->code == CSVC_OK;
    call->step = step;
    call->n_done += call->ran ? 1 : 0;
    return call->code;
}

/* ---- all of it ---- */

static csvc_code check_set(const csvc_migrations *set, csvc_error *err)
{
    for (size_t i = 0; i < set->n_steps; i++) {
        const csvc_migration *step = &set->steps[i];

        if (step->name == NULL || step->sql == NULL || step->version != i + 1) {
            return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                                  "the program's migrations are not numbered 1, 2, 3...: at place "
                                  "%zu stands %.100s",
                                  i + 1, step->name != NULL ? step->name : "nothing");
        }
    }
    return CSVC_OK;
}

csvc_code csvc_db_migrate(csvc_db *db, const csvc_migrations *const *sets, csvc_error *err)
{
    csvc_error own = {CSVC_ERROR_INIT};
    struct migrate_call call = {.err = err != NULL ? err : &own};
    csvc_code code;

    if (db == NULL) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "there is no database to migrate");
    }
    for (; sets != NULL && *sets != NULL && call.set == NULL; sets++) {
        if (strcmp((*sets)->driver, db->driver->name) == 0) {
            call.set = *sets;
        }
    }
    if (call.set == NULL) {
        return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                              "the program has no migrations for %s; add migrations/%s",
                              db->driver->name, db->driver->name);
    }
    code = check_set(call.set, err);
    if (code == CSVC_OK) {
        csvc_error failed = {CSVC_ERROR_INIT};

        /* most starts find all done, and need not wait for whoever is writing */
        if (db->driver->read(db->backend, NULL, 0, look, &call, &failed) == CSVC_OK &&
            call.n_done == call.set->n_steps) {
            return CSVC_OK;
        }
        *call.err = (csvc_error){CSVC_ERROR_INIT};
    }
    while (code == CSVC_OK) {
        csvc_error failed = {CSVC_ERROR_INIT};

        call.flags = flags_of(db->driver, &call);
        code = db->driver->exclusive(db->backend, call.flags, run_step, &call, &failed);
        if (failed.code != CSVC_OK) { /* the driver's, or the commit's */
            code = csvc_error_set(err, code, "%s%.100s: %s",
                                  call.step != NULL ? "migration " : "the migrations",
                                  call.step != NULL ? call.step->name : "", failed.text);
        }
        if (!call.ran) {
            break;
        }
    }
    return code;
}
