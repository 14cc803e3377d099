/* probe_test.c: whom --health asks, and what it makes of the answer. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <csvc/code.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "app/probe.h"

/* ---- names ---- */

static char asked_host[256];
static struct sockaddr_in addresses[2];
static struct addrinfo found[2];

static uint32_t this_machine(size_t i)
{
    return htonl(INADDR_LOOPBACK + (uint32_t)i);
}

/* In place of the C library's: /etc/hosts is not for a test to count on. "two" has an address where
 * nobody listens, and behind it that of all others. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                struct addrinfo **ret_found)
{
    (void)snprintf(asked_host, sizeof(asked_host), "%s", host);
    for (size_t i = 0; i < 2; i++) {
        addresses[i] = (struct sockaddr_in){.sin_family = AF_INET,
                                            .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                            .sin_addr.s_addr = this_machine(1 - i)};
        found[i] = (struct addrinfo){.ai_family = AF_INET,
                                     .ai_socktype = hints->ai_socktype,
                                     .ai_addr = (struct sockaddr *)&addresses[i],
                                     .ai_addrlen = sizeof(addresses[i]),
                                     .ai_next = i == 0 ? &found[1] : NULL};
    }
    *ret_found = &found[strcmp(host, "two") == 0 ? 0 : 1];
    return 0;
}

void freeaddrinfo(struct addrinfo *list)
{
    assert_true(list == &found[0] || list == &found[1]);
}

/* ---- who answers ---- */

typedef struct answerer {
    int listener, port;
    const char *answer;
    pthread_t thread;
} answerer;

static void *answer_one(void *arg)
{
    const answerer *a = arg;
    const int fd = accept(a->listener, NULL, NULL);
    char request[256];

    (void)!read(fd, request, sizeof(request));
    (void)!write(fd, a->answer, strlen(a->answer));
    (void)close(fd);
    return NULL;
}

static void begin(answerer *a, const char *answer)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_addr.s_addr = this_machine(0)};
    socklen_t len = sizeof(sin);

    a->listener = socket(AF_INET, SOCK_STREAM, 0);
    a->answer = answer;
    assert_int_equal(0, bind(a->listener, (struct sockaddr *)&sin, sizeof(sin)));
    assert_int_equal(0, listen(a->listener, 1));
    assert_int_equal(0, getsockname(a->listener, (struct sockaddr *)&sin, &len));
    a->port = ntohs(sin.sin_port);
    assert_int_equal(0, pthread_create(&a->thread, NULL, answer_one, a));
}

/* What --health says of who answers so at that host. */
static csvc_code probe(const char *host, const char *answer, csvc_error *err)
{
    char address[64];
    csvc_code code;
    answerer a;

    begin(&a, answer);
    (void)snprintf(address, sizeof(address), "%s:%d", host, a.port);
    code = csvc__probe(address, err);
    assert_int_equal(0, pthread_join(a.thread, NULL));
    (void)close(a.listener);
    return code;
}

#define READY "HTTP/1.1 200 OK\r\n\r\n"

static void a_server_is_asked(void **state)
{
    csvc_error err = {CSVC_ERROR_INIT};

    (void)state;
    assert_int_equal(CSVC_OK, probe("one", READY, &err));
    assert_int_equal(CSVC_UNAVAILABLE, probe("one", "HTTP/1.1 503 No\r\n\r\n", &err));
    assert_non_null(strstr(err.text, "answers 503"));
    assert_int_equal(CSVC_UNAVAILABLE, probe("one", "SSH-2.0-someone else\r\n", &err));
    assert_non_null(strstr(err.text, "no HTTP"));
}

static void all_that_a_name_stands_for(void **state)
{
    csvc_error err = {CSVC_ERROR_INIT};

    (void)state;
    assert_int_equal(CSVC_OK, probe("two", READY, &err));
    assert_int_equal(CSVC_UNAVAILABLE, csvc__probe("two:1", &err));
    assert_non_null(strstr(err.text, "nobody answers at two:1"));
}

static void what_listens_everywhere_is_asked_here(void **state)
{
    static const char *const cases[][2] = {
        {"", "127.0.0.1"}, {"0.0.0.0", "127.0.0.1"}, {"[::]", "::1"}, {"[::2]", "::2"}};
    csvc_error err = {CSVC_ERROR_INIT};

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(CSVC_OK, probe(cases[i][0], READY, &err));
        assert_string_equal(cases[i][1], asked_host);
    }
}

static void addresses_that_are_none(void **state)
{
    static const char *const texts[] = {"nonsense", "localhost:", "localhost:http", "::1:80",
                                        "localhost:65536"};
    csvc_error err = {CSVC_ERROR_INIT};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(CSVC_INVALID_ARGUMENT, csvc__probe(texts[i], &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_is_asked),
        cmocka_unit_test(all_that_a_name_stands_for),
        cmocka_unit_test(what_listens_everywhere_is_asked_here),
        cmocka_unit_test(addresses_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
