/* support/certs.c: see the header. */
#include "certs.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                  \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static char folder[64], before[4096];

static void run(const char *command)
{
    CHECK(system(command) == 0);
}

void certs_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    CHECK(file != NULL);
    CHECK(fputs(text, file) >= 0);
    CHECK(fclose(file) == 0);
}

void certs_begin(void)
{
    CHECK(getcwd(before, sizeof(before)) != NULL);
    (void)snprintf(folder, sizeof(folder), "/tmp/csvc-certs-XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
    CHECK(chdir(folder) == 0);
    /* a database of a CA: the one way to sign with dates of one's own */
    certs_write("ca.conf", "[ca]\n"
                           "default_ca = it\n"
                           "[it]\n"
                           "database = index\n"
                           "new_certs_dir = .\n"
                           "rand_serial = yes\n"
                           "unique_subject = no\n"
                           "default_md = sha256\n"
                           "policy = any\n"
                           "copy_extensions = copy\n"
                           "[any]\n"
                           "commonName = supplied\n");
    certs_write("index", "");
}

void certs_end(void)
{
    char command[128];

    CHECK(chdir(before) == 0);
    (void)snprintf(command, sizeof(command), "rm -rf %s", folder);
    run(command);
}

void certs_ca(const char *name)
{
    char command[512];

    (void)snprintf(command, sizeof(command),
                   "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                   "-keyout %s.key -out %s.pem -subj '/CN=%s' -days 10 2>openssl.log",
                   name, name, name);
    run(command);
}

void certs_sign(const char *name, const char *ca, const char *common_name, const char *alt_names,
                int expired)
{
    char command[1024];

    (void)snprintf(command, sizeof(command),
                   "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                   "-keyout new.key -out new.csr -subj '/CN=%s' -addext 'subjectAltName=%s' "
                   "2>openssl.log",
                   common_name, alt_names);
    run(command);
    (void)snprintf(command, sizeof(command),
                   "openssl ca -batch -config ca.conf -cert %s.pem -keyfile %s.key -in new.csr "
                   "-out new.pem -notext -startdate %s -enddate %s 2>openssl.log",
                   ca, ca, "20200101000000Z", expired ? "20200102000000Z" : "20991231000000Z");
    run(command);
    (void)snprintf(command, sizeof(command), "mv new.pem %s.pem && mv new.key %s.key", name, name);
    run(command);
}
