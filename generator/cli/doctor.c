/* doctor.c: c-svc doctor: is everything here that making and building a service needs? */
#include "cli.h"
#include "project/files.h"
#include "project/protoc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

typedef struct need {
    const char *name; /* of the program, or of the module of pkg-config */
    bool is_library;
    const char *flag;   /* what makes the program print its version */
    const char *via;    /* the program that knows the version, when it is another one */
    const char *wanted; /* at least */
    const char *why;
    const char *debian, *fedora, *alpine, *arch; /* the packages that hold it */
    const char *transport; /* the library of ours that it is for alone; it may be left out */
} need;

static const need needs[] = {
    {"protoc", false, "--version", NULL, "3.12", "reads protos", "protobuf-compiler",
     "protobuf-compiler", "protoc", "protobuf"},
    {"protoc-gen-c", false, "--version", "protoc-c", "1.4.0", "makes the messages",
     "protobuf-c-compiler", "protobuf-c-compiler", "protobuf-c-compiler", "protobuf-c"},
    {"cc", false, "--version", NULL, "", "compiles", "gcc libc6-dev", "gcc", "gcc musl-dev", "gcc"},
    {"make", false, "--version", NULL, "4.2", "builds (GNU make)", "make", "make", "make", "make"},
    {"pkg-config", false, "--version", NULL, "0.29", "finds libraries", "pkg-config",
     "pkgconf-pkg-config", "pkgconf", "pkgconf"},
    {"sha256sum", false, "--version", NULL, "", "tells make what changed", "coreutils", "coreutils",
     "coreutils", "coreutils"},
    {"libprotobuf-c", true, NULL, NULL, "1.4.0", "messages in C", "libprotobuf-c-dev",
     "protobuf-c-devel", "protobuf-c-dev", "protobuf-c"},
    {"protobuf", true, NULL, NULL, "3.12", "google/protobuf/*.proto", "libprotobuf-dev",
     "protobuf-devel", "protobuf-dev", "protobuf"},
    {"grpc", true, NULL, NULL, "29.0.0", "gRPC C core (29 is its 1.51)", "libgrpc-dev",
     "grpc-devel", "grpc-dev", "grpc", "libcsvc-grpc-core"},
    {"libnghttp2", true, NULL, NULL, "1.50", "serving on nghttp2", "libnghttp2-dev",
     "libnghttp2-devel", "nghttp2-dev", "libnghttp2", "libcsvc-nghttp2"},
    {"libssl", true, NULL, NULL, "3.0", "TLS", "libssl-dev", "openssl-devel", "openssl-dev",
     "openssl"},
    {"sqlite3", true, NULL, NULL, "3.37", "rows (storage: sqlite)", "libsqlite3-dev",
     "sqlite-devel", "sqlite-dev", "sqlite"},
    {"libwebsockets", true, NULL, NULL, "4.0", "/metrics and /readyz", "libwebsockets-dev",
     "libwebsockets-devel", "libwebsockets-dev", "libwebsockets"},
    {"cmocka", true, NULL, NULL, "1.1.5", "make test", "libcmocka-dev", "libcmocka-devel",
     "cmocka-dev", "cmocka"},
};

static const char *const own_libraries[] = {"libcsvc",         "libcsvc-grpc-core",
                                            "libcsvc-nghttp2", "libcsvc-sqlite",
                                            "libcsvc-http",    "libcsvc-wkt"};

/* Of these, one is enough. */
static const char *const transports[] = {"libcsvc-grpc-core", "libcsvc-nghttp2"};

typedef struct finding {
    csvc_arena *a;
    cli_list packages; /* to install */
    size_t n_missing;
    bool has_pkg_config;
} finding;

/* ---- versions ---- */

/* The first run of digits and dots with a dot in it. */
static const char *find_version(csvc_arena *a, const char *text)
{
    for (const char *c = text; *c != '\0' && c < text + 4096;) {
        size_t len = strspn(c, "0123456789.");

        if (len > 2 && *c != '.' && memchr(c, '.', len) != NULL) {
            while (c[len - 1] == '.') {
                len--;
            }
            return cli_must(csvc_arena_strndup(a, c, len));
        }
        c += len > 0 ? len : 1;
    }
    return NULL;
}

/* Whether version x is at least y; "" is any. */
static bool at_least(const char *x, const char *y)
{
    while (*y != '\0') {
        char *end_x;
        char *end_y;
        unsigned long part_x = strtoul(x, &end_x, 10);
        unsigned long part_y = strtoul(y, &end_y, 10);

        if (part_x != part_y) {
            return part_x > part_y;
        }
        x = *end_x == '.' ? end_x + 1 : end_x;
        y = *end_y == '.' ? end_y + 1 : end_y;
        if (end_y == y && *y != '\0') {
            return true; /* not a number: nothing to compare */
        }
    }
    return true;
}

/* What a program prints, both outputs; NULL when it is not there or fails. */
static const char *ask(csvc_arena *a, const char *program, const char *first, const char *second)
{
    const char *const argv[] = {program, first, second, NULL};
    csvc_error err = {CSVC_ERROR_INIT};
    gen_process_result result;

    if (cli_run(a, argv, &result, &err) != CSVC_OK || result.exit_code != 0) {
        return NULL;
    }
    return result.out.len > 0 ? (const char *)result.out.data : (const char *)result.err.data;
}

/* Where in PATH a program is. */
static bool in_path(csvc_arena *a, const char *program)
{
    const char *at = getenv("PATH");

    while (at != NULL && *at != '\0') {
        size_t len = strcspn(at, ":");
        const char *file = cli_printf(a, "%.*s/%s", (int)len, at, program);

        if (access(file, X_OK) == 0 && !files_is_folder(file)) {
            return true;
        }
        at += len + (at[len] == ':' ? 1 : 0);
    }
    return false;
}

/* ---- saying ---- */

static void print_row(const char *word, const char *name, const char *found, const char *wanted,
                      const char *why)
{
    printf("  %-8s %-18s %-12s %-10s %s\n", word, name, found, wanted, why);
}

static void print_line(finding *f, bool ok, const char *name, const char *found, const char *wanted,
                       const char *why)
{
    const char *want = wanted[0] != '\0' ? cli_printf(f->a, ">= %s", wanted) : "any";

    print_row(ok ? "ok" : "MISSING", name, found, want, why);
    f->n_missing += ok ? 0 : 1;
}

static const char *package_of(csvc_arena *a, const need *n, const char **ret_command)
{
    csvc_error err = {CSVC_ERROR_INIT};
    csvc_bytes text = {0};
    const char *sudo = geteuid() == 0 ? "" : "sudo ";
    const char *release;

    if (files_read(a, "/etc/os-release", 65536, &text, &err) != CSVC_OK) {
        *ret_command = NULL;
        return n->name;
    }
    release = (const char *)text.data;
    if (strstr(release, "ID=debian") != NULL || strstr(release, "debian") != NULL) {
        *ret_command = cli_printf(a, "%sapt-get install -y", sudo);
        return n->debian;
    }
    if (strstr(release, "fedora") != NULL || strstr(release, "rhel") != NULL) {
        *ret_command = cli_printf(a, "%sdnf install -y", sudo);
        return n->fedora;
    }
    if (strstr(release, "ID=alpine") != NULL) {
        *ret_command = cli_printf(a, "%sapk add", sudo);
        return n->alpine;
    }
    if (strstr(release, "arch") != NULL) {
        *ret_command = cli_printf(a, "%spacman -S", sudo);
        return n->arch;
    }
    *ret_command = NULL;
    return n->name;
}

/* The version of a module, as pkg-config says it; NULL when it finds none. */
static const char *module_version(finding *f, const char *name)
{
    return f->has_pkg_config ? ask(f->a, "pkg-config", "--modversion", name) : NULL;
}

/* Whether this is a transport that c-svc was installed without: another one is there. */
static bool left_out(finding *f, const char *library)
{
    bool another = false;
    bool may_be = false;

    for (size_t i = 0; library != NULL && i < sizeof(transports) / sizeof(transports[0]); i++) {
        bool it = strcmp(transports[i], library) == 0;

        may_be = may_be || it;
        another = another || (!it && module_version(f, transports[i]) != NULL);
    }
    return may_be && another && module_version(f, library) == NULL;
}

static void check_need(finding *f, const need *n)
{
    const char *text = NULL;
    const char *version = NULL;
    bool there;
    bool ok;

    if (left_out(f, n->transport)) {
        return;
    }
    if (n->is_library) {
        text = module_version(f, n->name);
        there = text != NULL;
    } else {
        there = in_path(f->a, n->name);
        text = there ? ask(f->a, n->via != NULL ? n->via : n->name, n->flag, NULL) : NULL;
    }
    version = text != NULL ? find_version(f->a, text) : NULL;
    ok = there && (version == NULL || at_least(version, n->wanted));
    if (strcmp(n->name, "pkg-config") == 0) {
        f->has_pkg_config = there;
    }
    if (strcmp(n->name, "make") == 0 && there && (text == NULL || strstr(text, "GNU") == NULL)) {
        ok = false;
        version = "not GNU";
    }
    print_line(f, ok, n->name,
               version != NULL ? version
               : there         ? "found"
                               : "-",
               n->wanted, n->why);
    if (!ok) {
        const char *command;

        cli_list_add(f->a, &f->packages, package_of(f->a, n, &command));
    }
}

/* The libraries of c-svc itself: this very version, and where pkg-config finds it. */
static bool check_own(finding *f)
{
    bool all = true;

    for (size_t i = 0; i < sizeof(own_libraries) / sizeof(own_libraries[0]); i++) {
        const char *text = module_version(f, own_libraries[i]);
        const char *version = text != NULL ? find_version(f->a, text) : NULL;
        bool ok = version != NULL && strcmp(version, CSVC_VERSION) == 0;

        if (left_out(f, own_libraries[i])) {
            print_row("-", own_libraries[i], "left out", "", "another transport is there");
            continue;
        }
        print_row(ok ? "ok" : "MISSING", own_libraries[i], version != NULL ? version : "-",
                  CSVC_VERSION, "runtime of c-svc");
        f->n_missing += ok ? 0 : 1;
        all = all && ok;
    }
    return all;
}

static void mend_own(finding *f)
{
    const char *own = protoc_own_folder(f->a);
    const char *prefix =
        own != NULL ? files_folder(f->a, files_folder(f->a, files_folder(f->a, own))) : NULL;

    if (prefix != NULL && f->has_pkg_config &&
        files_exists(cli_printf(f->a, "%s/lib/pkgconfig/libcsvc.pc", prefix))) {
        const char *before = getenv("PKG_CONFIG_PATH");

        printf("  export PKG_CONFIG_PATH=%s/lib/pkgconfig%s\n", prefix,
               before != NULL && before[0] != '\0' ? ":$PKG_CONFIG_PATH" : "");
    } else if (f->has_pkg_config) {
        printf("  make install        # in the source of c-svc %s\n", CSVC_VERSION);
    }
}

static int run_doctor(csvc_arena *a, const cli_args *args)
{
    finding f = {.a = a};
    const char *own = protoc_own_folder(a);
    bool has_own;

    (void)args;
    print_row("", "what", "found", "wanted", "for");
    print_line(&f, true, "c-svc", CSVC_VERSION, "", "this program");
    print_line(&f, own != NULL, "options.proto", own != NULL ? "found" : "-", "",
               "options in protos");
    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        check_need(&f, &needs[i]);
    }
    has_own = check_own(&f);
    if (f.n_missing == 0) {
        printf("Everything is there.\n");
        return CLI_OK;
    }
    printf("%zu missing or too old. To mend it:\n", f.n_missing);
    if (f.packages.len > 0) {
        const char *command;

        (void)package_of(a, &needs[0], &command);
        printf("  %s %s\n", command != NULL ? command : "# install, with your package manager:",
               cli_list_join(a, &f.packages, " "));
    }
    if (own == NULL) {
        printf("  make install        # in the source of c-svc %s: share/c-svc/proto is missing\n",
               CSVC_VERSION);
    } else if (!has_own) {
        mend_own(&f);
    }
    return CLI_FAILED;
}

const cli_command cli_doctor = {
    .name = "doctor",
    .operands = "",
    .summary = "checks the tools and libraries that services need",
    .text = "Lists each tool and library with the version found and the one wanted, and the exact\n"
            "commands that mend what is missing. Exits with 1 when something is.\n",
    .run = run_doctor,
};
