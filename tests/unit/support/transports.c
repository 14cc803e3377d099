#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <transport/seam.h>

#include "transports.h"

static const struct known {
    const csvc_transport *transport;
    const char *prefix; /* of the ids of its deviations */
} known[] = {
    {&csvc_grpc_core, "core-"},
    {&csvc_nghttp2, "nghttp2-"},
};

static const struct known *under_test(void)
{
    const char *name = getenv("CSVC_TEST_TRANSPORT");

    if (name == NULL || name[0] == '\0') {
        return &known[0];
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(known[i].transport->name, name) == 0) {
            return &known[i];
        }
    }
    fprintf(stderr, "CSVC_TEST_TRANSPORT: there is no transport %s\n", name);
    exit(1);
}

const csvc_transport *test_transport(void)
{
    return under_test()->transport;
}

csvc_testing *test_new(void)
{
    return csvc_testing_new_with(test_transport(), &csvc_grpc_core);
}

/* docs/deviations.md, whole. */
static const char *deviations(void)
{
    static char page[256 << 10];
    const char *source = getenv("CSVC_SOURCE");
    char path[4096];
    FILE *file;
    size_t len;

    snprintf(path, sizeof(path), "%s/docs/deviations.md", source != NULL ? source : ".");
    file = fopen(path, "r");
    if (file == NULL) {
        fprintf(stderr, "cannot read %s; CSVC_SOURCE says where the sources are\n", path);
        exit(1);
    }
    len = fread(page, 1, sizeof(page) - 1, file);
    fclose(file);
    if (len == sizeof(page) - 1) {
        fprintf(stderr, "%s is longer than this program reads\n", path);
        exit(1);
    }
    page[len] = '\0';
    return page;
}

bool test_deviates(const char *id)
{
    const struct known *tested = under_test();
    char cell[80];

    snprintf(cell, sizeof(cell), "| `%s` |", id);
    if (strstr(deviations(), cell) == NULL) {
        return false;
    }
    return strncmp(id, tested->prefix, strlen(tested->prefix)) == 0;
}
