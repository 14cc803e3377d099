/* Brings a database up to date with a folder's steps, by the driver that servers have: migrate URL
 * FOLDER [STEPS] */
#include <csvc/store.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_STEPS = 200
};

static char *read_file(const char *folder, const char *name)
{
    static char path[4096];
    char *text = NULL;
    FILE *f;
    long size;

    (void)snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0 || (size = ftell(f)) < 0) {
        exit(2);
    }
    rewind(f);
    text = calloc(1, (size_t)size + 1);
    if (text == NULL || fread(text, 1, (size_t)size, f) != (size_t)size) {
        exit(2);
    }
    fclose(f);
    return text;
}

int main(int argc, char **argv)
{
    static const csvc_db_driver *const drivers[] = {&csvc_sqlite, NULL};
    static csvc_migration steps[MAX_STEPS];
    csvc_migrations set = {.driver = "sqlite", .steps = steps};
    const csvc_migrations *const sets[] = {&set, NULL};
    csvc_db_options options = {CSVC_DB_OPTIONS_INIT, .drivers = drivers};
    csvc_error err = {CSVC_ERROR_INIT};
    struct dirent **names = NULL;
    int n = argc >= 3 ? scandir(argv[2], &names, NULL, alphasort) : -1;
    bool failed = false;
    csvc_db *db;

    for (int i = 0; i < n && set.n_steps < MAX_STEPS; i++) {
        if (names[i]->d_name[0] != '.' && (argc < 4 || set.n_steps < strtoul(argv[3], NULL, 10))) {
            steps[set.n_steps] = (csvc_migration){.version = (uint32_t)set.n_steps + 1,
                                                  .name = names[i]->d_name,
                                                  .sql = read_file(argv[2], names[i]->d_name)};
            set.n_steps++;
        }
    }
    db = n >= 0 ? csvc_db_open(argv[1], &options, &err) : NULL;
    if (db == NULL || csvc_db_migrate(db, sets, &err) != CSVC_OK) {
        fprintf(stderr, "%s\n", err.text);
        failed = true;
    }
    db = csvc_db_close(db);
    for (size_t i = 0; i < set.n_steps; i++) {
        free((char *)steps[i].sql);
    }
    for (int i = 0; i < n; i++) {
        free(names[i]);
    }
    free(names);
    return failed ? 1 : 0;
}
