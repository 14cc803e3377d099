/*
 * grpc_core/target.c: what a channel is to be connected to.
 *
 * The core takes any text: a scheme it does not know becomes part of a host name, a missing port
 * becomes 443, and each call then fails much later with a text about DNS. So what cannot be meant
 * is refused here.
 */
#include <csvc/alloc.h>
#include <transport/grpc_core/channel.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/banned.h>

/* Behind "SCHEME:", or "SCHEME:///"; NULL when the target has another scheme. */
static const char *behind(const char *target, const char *scheme)
{
    size_t len = strlen(scheme);
    const char *rest = target + len;

    if (strncmp(target, scheme, len) != 0) {
        return NULL;
    }
    if (strncmp(rest, "//", 2) == 0) {
        rest = strchr(rest + 2, '/'); /* over the authority: a name server */
        return rest == NULL ? "" : rest + 1;
    }
    return rest;
}

/* What remains of "dns:HOST:PORT" and its like: HOST:PORT. NULL: it is none of these. */
static const char *host_port(const char *target)
{
    static const char *const schemes[] = {"dns:", "ipv4:", "ipv6:"};

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        const char *rest = behind(target, schemes[i]);

        if (rest != NULL) {
            return rest;
        }
    }
    return NULL;
}

static bool has_port(const char *text)
{
    const char *colon = strrchr(text, ':');
    const char *bracket = strrchr(text, ']');
    char *end = NULL;
    long port = 0;

    if (colon == NULL || colon == text || (bracket != NULL && colon < bracket) ||
        (bracket == NULL && memchr(text, ':', (size_t)(colon - text)) != NULL)) {
        return false;
    }
    if (colon[1] < '0' || colon[1] > '9' || strlen(colon + 1) > 5) {
        return false;
    }
    port = strtol(colon + 1, &end, 10);
    return *end == '\0' && port >= 1 && port <= 65535;
}

csvc_code csvc__gc_target_check(const char *target, csvc_error *err)
{
    const char *rest = NULL;

    if (target == NULL || target[0] == '\0') {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT, "no target to call");
    }
    if (strncmp(target, "unix:", 5) == 0 || strncmp(target, "unix-abstract:", 14) == 0) {
        return CSVC_OK;
    }
    if (strncmp(target, "http://", 7) == 0 || strncmp(target, "https://", 8) == 0) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "\"%s\" is a URL; a target is HOST:PORT, without http://", target);
    }
    rest = host_port(target);
    /* "ipv4:10.0.0.1:80,10.0.0.2:80" is left to the core. */
    if (rest != NULL && strchr(rest, ',') != NULL) {
        return CSVC_OK;
    }
    if (!has_port(rest != NULL ? rest : target)) {
        return csvc_error_set(err, CSVC_INVALID_ARGUMENT,
                              "\"%s\" is not a target; wanted is HOST:PORT, dns:///HOST:PORT, "
                              "ipv4:1.2.3.4:PORT, ipv6:[::1]:PORT, unix:PATH or "
                              "static:HOST:PORT,HOST:PORT",
                              target);
    }
    return CSVC_OK;
}

/* The host of "[HOST]:PORT" for the path of a URI: the '%' before a scope is one of its own there.
 * Returns its length. */
static size_t put_host(char *to, const char *host, size_t len)
{
    const char *scope = memchr(host, '%', len);
    const size_t before = scope != NULL ? (size_t)(scope - host) + 1 : len;

    memcpy(to, host, before);
    if (scope == NULL) {
        return len;
    }
    memcpy(to + before, "25", 2);
    memcpy(to + before + 2, host + before, len - before);
    return len + 2;
}

/*
 * The core has one scheme for each family; one that mixes them gets its IPv4 addresses in the form
 * that IPv6 has for them. Brackets are not for the path of a URI.
 */
char *csvc__gc_target_join(const char *const *addresses, size_t n_addresses)
{
    size_t size = sizeof("ipv6:"), len;
    bool six = false;
    char *target;

    for (size_t i = 0; i < n_addresses; i++) {
        six |= addresses[i][0] == '[';
        size += strlen(addresses[i]) + sizeof(",%5B::ffff:%25%5D");
    }
    target = csvc__malloc(size);
    if (target == NULL) {
        return NULL;
    }
    len = (size_t)snprintf(target, size, six ? "ipv6:" : "ipv4:");
    for (size_t i = 0; i < n_addresses; i++) {
        const char *address = addresses[i];
        const char *comma = i > 0 ? "," : "";
        const char *port = strrchr(address, ':');
        const bool bracket = address[0] == '[';
        const int host_len = (int)(port - address) - (bracket ? 2 : 0);

        if (six) {
            len += (size_t)snprintf(target + len, size - len, "%s%%5B%s", comma,
                                    bracket ? "" : "::ffff:");
            len += put_host(target + len, address + bracket, (size_t)host_len);
            len += (size_t)snprintf(target + len, size - len, "%%5D%s", port);
        } else {
            len += (size_t)snprintf(target + len, size - len, "%s%s", comma, address);
        }
    }
    return target;
}

bool csvc__gc_target_is_local(const char *target)
{
    const char *rest = host_port(target);

    if (rest == NULL) {
        rest = target;
    }
    return strncmp(rest, "localhost:", 10) == 0 || strncmp(rest, "127.", 4) == 0 ||
           strncmp(rest, "[::1]:", 6) == 0;
}
