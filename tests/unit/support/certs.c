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

int certs_set_up(void **state)
{
    (void)state;
    certs_begin();
    certs_ca("ca");
    certs_sign("server", "ca", "server", "DNS:localhost,IP:127.0.0.1", 0);
    return 0;
}

const char certs_ada[] = "ada ada.example.org spiffe://example.org/ada 10.0.0.1 ada@x.org";

int certs_set_up_callers(void **state)
{
    (void)certs_set_up(state);
    certs_ca("other");
    certs_sign("ada", "ca", "ada",
               "DNS:ada.example.org,URI:spiffe://example.org/ada,IP:10.0.0.1,email:ada@x.org", 0);
    certs_sign("eve", "other", "eve", "DNS:eve", 0);
    certs_sign("expired", "ca", "expired", "DNS:expired", 1);
    return 0;
}

int certs_tear_down(void **state)
{
    (void)state;
    certs_end();
    return 0;
}
