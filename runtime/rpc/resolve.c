/* rpc/resolve.c: the addresses behind a target with the scheme static:. */
#include <base/arena.h>
#include <rpc/resolve.h>

#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <base/banned.h>

typedef struct resolving {
    csvc_arena *a;
    const char *hosts[CSVC__MAX_ENDPOINTS];
    const char *ports[CSVC__MAX_ENDPOINTS];
    size_t n_entries;
    const char *addresses[CSVC__MAX_ENDPOINTS];
    size_t n_addresses;
    const char *failed; /* a name that has no address, and why */
    const char *why;
} resolving;

static csvc_code no_memory(csvc_error *err)
{
    return csvc_error_set(err, CSVC_RESOURCE_EXHAUSTED, "out of memory");
}

/* Takes "HOST:PORT" apart, in place. */
static bool take_apart(char *entry, const char **ret_host, const char **ret_port)
{
    char *colon = strrchr(entry, ':');
    char *host = entry;
    long port;

    if (colon == NULL || strlen(colon + 1) > 5 ||
        strspn(colon + 1, "0123456789") != strlen(colon + 1)) {
        return false;
    }
    port = strtol(colon + 1, NULL, 10);
    *colon = '\0';
    if (host[0] == '[' && colon - host > 1 && colon[-1] == ']') {
        colon[-1] = '\0';
        host++;
    } else if (strpbrk(host, ":/[]") != NULL) {
        return false; /* an IPv6 address without brackets, a URL */
    }
    *ret_host = host;
    *ret_port = colon + 1;
    return host[0] != '\0' && port >= 1 && port <= 65535;
}

static csvc_code keep(resolving *r, const struct addrinfo *info, csvc_error *err)
{
    char host[64], port[8];
    const char *address;

    if (getnameinfo(info->ai_addr, info->ai_addrlen, host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
        return CSVC_OK; /* no family of ours */
    }
    if (r->n_addresses == CSVC__MAX_ENDPOINTS) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "more than %d addresses",
                              (int)CSVC__MAX_ENDPOINTS);
    }
    address =
        csvc_arena_printf(r->a, info->ai_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    if (address == NULL) {
        return no_memory(err);
    }
    r->addresses[r->n_addresses++] = address;
    return CSVC_OK;
}

static csvc_code look_up(resolving *r, const char *host, const char *port, csvc_error *err)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found;
    csvc_code code = CSVC_OK;
    int rc = getaddrinfo(host, port, &hints, &found);

    if (rc != 0) {
        r->failed = host;
        r->why = gai_strerror(rc);
        return rc == EAI_MEMORY ? no_memory(err) : CSVC_OK;
    }
    for (const struct addrinfo *info = found; info != NULL && code == CSVC_OK;
         info = info->ai_next) {
        code = keep(r, info, err);
    }
    freeaddrinfo(found);
    return code;
}

/* What the list says, before anything is looked up. */
static csvc_code read_list(resolving *r, const char *list, csvc_error *err)
{
    for (const char *comma; list != NULL; list = comma != NULL ? comma + 1 : NULL) {
        char *entry;

        comma = strchr(list, ',');
        entry =
            csvc_arena_strndup(r->a, list, comma != NULL ? (size_t)(comma - list) : strlen(list));
        if (entry == NULL) {
            return no_memory(err);
        }
        if (r->n_entries == CSVC__MAX_ENDPOINTS) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "more than %d endpoints",
                                  (int)CSVC__MAX_ENDPOINTS);
        }
        if (!take_apart(entry, &r->hosts[r->n_entries], &r->ports[r->n_entries])) {
            return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                                  "\"%.*s\" is no endpoint; wanted is static:HOST:PORT,HOST:PORT",
                                  comma != NULL ? (int)(comma - list) : (int)strlen(list), list);
        }
        r->n_entries++;
    }
    return CSVC_OK;
}

csvc_code csvc__resolve(csvc_arena *a, const char *target, csvc__endpoints *ret_endpoints,
                        csvc_error *err)
{
    resolving r = {.a = a};
    const char **addresses;
    const char *list;
    char *authority;
    csvc_code code;

    if (strncmp(target, "static:", 7) != 0) {
        *ret_endpoints = (csvc__endpoints){0};
        return CSVC_OK;
    }
    list = target + 7;
    list += strncmp(list, "///", 3) == 0 ? 3 : 0;
    code = read_list(&r, list, err);
    for (size_t i = 0; i < r.n_entries && code == CSVC_OK; i++) {
        code = look_up(&r, r.hosts[i], r.ports[i], err);
    }
    if (code != CSVC_OK) {
        return code;
    }
    if (r.n_addresses == 0) {
        return csvc_error_set(err, CSVC_UNAVAILABLE, "%s: %s", r.failed != NULL ? r.failed : target,
                              r.why != NULL ? r.why : "no address");
    }
    addresses = csvc__arena_take(a, r.n_addresses * sizeof(*addresses));
    authority = csvc_arena_strndup(a, list, strcspn(list, ","));
    if (addresses == NULL || authority == NULL) {
        return no_memory(err);
    }
    memcpy(addresses, r.addresses, r.n_addresses * sizeof(*addresses));
    *ret_endpoints = (csvc__endpoints){authority, addresses, r.n_addresses};
    return CSVC_OK;
}
