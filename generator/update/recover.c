/* recover.c: what an interrupted update comes to. */
#include "steps.h"
#include "transaction.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "project/files.h"

#include "base/banned.h"

/* Through a link that was not there when the journal was written, a file would come to lie
 * anywhere.
 */
static csvc_code check_links(csvc_arena *a, const char *root, const char *place, csvc_error *err)
{
    for (const char *slash = strchr(place, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        const char *folder =
            files_join(a, root, cli_must(csvc_arena_strndup(a, place, (size_t)(slash - place))));
        struct stat st;

        if (lstat(folder, &st) == 0 && !S_ISDIR(st.st_mode)) {
            return csvc_error_set(err, CSVC_FAILED_PRECONDITION,
                                  "%s: was a folder when an update was interrupted here; make it "
                                  "one again, so that it can be finished or taken back",
                                  folder);
        }
    }
    return CSVC_OK;
}

static csvc_code check_all_links(csvc_arena *a, const char *root, const update_steps *steps,
                                 csvc_error *err)
{
    csvc_code code = CSVC_OK;

    for (size_t i = 0; code == CSVC_OK && i < steps->len; i++) {
        code = check_links(a, root, steps->items[i].place, err);
    }
    for (size_t i = 0; code == CSVC_OK && i < steps->folders.len; i++) {
        code = check_links(a, root, steps->folders.items[i], err);
    }
    return code;
}

static const char *count(csvc_arena *a, const update_steps *steps)
{
    return cli_printf(a, "%zu file%s", steps->len, steps->len == 1 ? "" : "s");
}

static csvc_code go_back(csvc_arena *a, const char *root, const update_steps *steps,
                         const cli_list *changed, const char **ret_what, csvc_error *err)
{
    cli_list left = {0};
    csvc_code code;

    for (size_t i = 0; i < changed->len; i++) {
        cli_list_add(a, &left, changed->items[i]);
    }
    code = update__back(a, root, steps, &left, err);
    if (code == CSVC_OK) {
        *ret_what = cli_printf(a, "an update that was interrupted has been taken back (%s)%s%s",
                               count(a, steps),
                               left.len > 0 ? "; changed meanwhile, and left as it is: " : "",
                               left.len > 0 ? cli_list_join(a, &left, ", ") : "");
    }
    return code;
}

static csvc_code recover(csvc_arena *a, const char *root, const char **ret_what, csvc_error *err)
{
    csvc_error failure = {CSVC_ERROR_INIT};
    update_steps steps = {0};
    cli_list changed = {0};
    const char *what = "";
    csvc_code code = update__journal_read(a, root, &steps, &failure);

    if (code == CSVC_NOT_FOUND) {
        files_remove_all(files_join(a, root, UPDATE_STAGING));
        *ret_what = ""; /* it had not changed anything yet, or was through */
        return CSVC_OK;
    }
    code = code == CSVC_OK ? check_all_links(a, root, &steps, &failure) : code;
    if (code == CSVC_OK && update__may_go_forward(a, root, &steps, &changed)) {
        code = update__forward(a, root, &steps, &failure);
        what = cli_printf(a, "an update that was interrupted has been finished (%s)",
                          count(a, &steps));
        if (code != CSVC_OK) {
            csvc_error why = failure;

            code = go_back(a, root, &steps, &changed, &what, &failure);
            what = cli_printf(a, "%s, because it could not be finished: %s", what, why.text);
        }
    } else if (code == CSVC_OK) {
        code = go_back(a, root, &steps, &changed, &what, &failure);
    }
    code = code == CSVC_OK ? update__finish(a, root, &failure) : code;
    if (code != CSVC_OK) {
        return csvc_error_set(err, code, "%s", failure.text);
    }
    *ret_what = what;
    return CSVC_OK;
}

csvc_code update_recover(csvc_arena *a, const char *root, const char **ret_what, csvc_error *err)
{
    const char *staging = files_join(a, root, UPDATE_STAGING);
    csvc_code code;
    int fd;

    if (!files_exists(staging)) {
        *ret_what = "";
        return CSVC_OK;
    }
    code = update__check_home(a, root, err);
    code = code == CSVC_OK ? update__lock(a, root, &fd, err) : code;
    if (code != CSVC_OK) {
        return code;
    }
    if (files_exists(staging)) {
        code = recover(a, root, ret_what, err);
    } else { /* whoever was at it has come to the end */
        *ret_what = "";
    }
    close(fd);
    return code;
}

csvc_code update_settle(csvc_arena *a, const char *root, csvc_error *err)
{
    const char *what = "";
    csvc_code code = update_recover(a, root, &what, err);

    if (code == CSVC_OK && what[0] != '\0') {
        cli_error("%s", what);
    }
    return code;
}

csvc_code update_start(csvc_arena *a, const char *root, update_txn **ret_txn, csvc_error *err)
{
    csvc_code code = update_settle(a, root, err);

    return code == CSVC_OK ? update_txn_begin(a, root, ret_txn, err) : code;
}
