/* files.c: reading files, and writing one at a time. */
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/banned.h"

csvc_code files_failed(csvc_error *err, const char *verb, const char *path)
{
    int number = errno;
    csvc_code code = CSVC_UNAVAILABLE;

    switch (number) {
    case ENOENT:
        code = CSVC_NOT_FOUND;
        break;
    case EACCES:
    case EPERM:
    case EROFS:
        code = CSVC_PERMISSION_DENIED;
        break;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
        code = CSVC_RESOURCE_EXHAUSTED;
        break;
    case EEXIST:
    case ENOTEMPTY:
        code = CSVC_ALREADY_EXISTS;
        break;
    default:
        break;
    }
    return csvc_error_set(err, code, "%s: cannot %s it: %s", path, verb, strerror(number));
}

csvc_code files_read(csvc_arena *a, const char *path, size_t max, csvc_bytes *ret_content,
                     csvc_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe is no file, and may wait */
    struct stat st;
    csvc_code code = CSVC_OK;
    uint8_t *data;
    size_t len = 0;

    if (fd < 0) {
        return errno == ENOENT
                   ? csvc_error_set(err, CSVC_NOT_FOUND, "%s: there is no such file", path)
                   : files_failed(err, "read", path);
    }
    if (fstat(fd, &st) != 0) {
        code = files_failed(err, "read", path);
    } else if (!S_ISREG(st.st_mode)) {
        code = csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s: is not a file", path);
    } else if ((uint64_t)st.st_size > max) {
        code =
            csvc_error_set(err, CSVC_INVALID_ARGUMENT, "%s: is larger than %zu bytes", path, max);
    }
    if (code != CSVC_OK) {
        close(fd);
        return code;
    }
    data = cli_must(csvc_arena_alloc(a, (size_t)st.st_size + 1));
    while (len < (size_t)st.st_size) {
        ssize_t n = read(fd, data + len, (size_t)st.st_size - len);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            code = files_failed(err, "read", path);
        }
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
    }
    close(fd);
    if (code == CSVC_OK) {
        data[len] = '\0';
        *ret_content = (csvc_bytes){.len = len, .data = data};
    }
    return code;
}

bool files_exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

bool files_is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

csvc_code files_list(csvc_arena *a, const char *folder, cli_list *ret_names, csvc_error *err)
{
    DIR *dir = opendir(folder);
    const struct dirent *entry;

    if (dir == NULL) {
        return errno == ENOENT || errno == ENOTDIR ? CSVC_OK : files_failed(err, "read", folder);
    }
    for (entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (entry->d_name[0] != '.') {
            cli_list_add(a, ret_names, cli_must(csvc_arena_strdup(a, entry->d_name)));
        }
    }
    closedir(dir);
    cli_list_sort(ret_names);
    return CSVC_OK;
}

const char *files_join(csvc_arena *a, const char *folder, const char *name)
{
    size_t len = strlen(folder);

    if (len == 0 || strcmp(folder, ".") == 0 || name[0] == '/') {
        return name;
    }
    return cli_printf(a, "%s%s%s", folder, folder[len - 1] == '/' ? "" : "/", name);
}

const char *files_real_path(csvc_arena *a, const char *path)
{
    char *real = realpath(path, NULL);
    const char *copy = real != NULL ? cli_must(csvc_arena_strdup(a, real)) : NULL;

    (free)(real);
    return copy;
}

const char *files_folder(csvc_arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL) {
        return ".";
    }
    return slash == path ? "/" : cli_must(csvc_arena_strndup(a, path, (size_t)(slash - path)));
}

csvc_code files_compare(const char *path, csvc_bytes content, files_change *ret_change,
                        csvc_error *err)
{
    csvc_arena *scratch = cli_must(csvc_arena_new(0));
    csvc_error failure = {CSVC_ERROR_INIT};
    csvc_bytes there;
    csvc_code code = files_read(scratch, path, content.len, &there, &failure);

    if (code == CSVC_OK) {
        *ret_change = there.len == content.len && memcmp(there.data, content.data, there.len) == 0
                          ? FILES_SAME
                          : FILES_UPDATED;
    } else if (code == CSVC_NOT_FOUND) {
        *ret_change = FILES_CREATED;
        code = CSVC_OK;
    } else if (code == CSVC_INVALID_ARGUMENT && !files_is_folder(path)) {
        *ret_change = FILES_UPDATED; /* longer than what is to be there */
        code = CSVC_OK;
    } else if (err != NULL) {
        *err = failure;
    }
    csvc_arena_free(scratch);
    return code;
}

/* A folder with all below it; follows no links. `name` is relative to the open folder. */
static void remove_below(int folder, const char *name)
{
    int fd;
    DIR *dir;
    const struct dirent *entry;

    if (unlinkat(folder, name, 0) == 0) {
        return;
    }
    fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    dir = fd >= 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0) {
            close(fd);
        }
        return;
    }
    for (entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            remove_below(dirfd(dir), entry->d_name);
        }
    }
    closedir(dir);
    (void)unlinkat(folder, name, AT_REMOVEDIR);
}

void files_remove_all(const char *path)
{
    remove_below(AT_FDCWD, path);
}

csvc_code files_make_folders(csvc_arena *a, const char *path, cli_list *made, csvc_error *err)
{
    const char *above;
    csvc_code code;

    if (files_is_folder(path)) {
        return CSVC_OK;
    }
    above = files_folder(a, path);
    code = strcmp(above, path) != 0 ? files_make_folders(a, above, made, err) : CSVC_OK;
    if (code != CSVC_OK) {
        return code;
    }
    if (mkdir(path, 0777) != 0) {
        return errno == EEXIST && files_is_folder(path) ? CSVC_OK : files_failed(err, "make", path);
    }
    if (made != NULL) {
        cli_list_add(a, made, cli_must(csvc_arena_strdup(a, path)));
    }
    return CSVC_OK;
}

csvc_code files_write_all(int fd, const char *path, csvc_bytes content, csvc_error *err)
{
    size_t len = 0;

    while (len < content.len) {
        ssize_t n = write(fd, content.data + len, content.len - len);

        if (n < 0 && errno != EINTR) {
            return files_failed(err, "write", path);
        }
        len += n > 0 ? (size_t)n : 0;
    }
    return CSVC_OK;
}
