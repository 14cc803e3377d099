/* Whose descriptor is whose: the names that the C core's transport keeps beside the core. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <base/clock.h>
#include <transport/grpc_core/resting.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static void numbers_are_used_again(void **state)
{
    char name[CSVC__NET_PEER_SIZE] = "";
    gc_names names;

    (void)state;
    csvc__gc_names_init(&names);
    assert_true(csvc__gc_names_rested(&names, 5, 0));
    assert_true(csvc__gc_names_add(&names, 5, "a"));
    assert_false(csvc__gc_names_rested(&names, 5, 1000)); /* nobody has seen it end */
    csvc__gc_names_ended(&names, 5, 500);
    assert_false(csvc__gc_names_rested(&names, 5, 499));
    assert_true(csvc__gc_names_rested(&names, 5, 500));
    assert_true(csvc__gc_names_add(&names, 1000, "far"));
    assert_true(csvc__gc_names_add(&names, 5, "b"));
    assert_true(csvc__gc_names_find(&names, "fd:5", 1, name));
    assert_string_equal("a", name);
    assert_true(csvc__gc_names_find(&names, "fd:5", 2, name));
    assert_string_equal("a", name);
    assert_true(csvc__gc_names_find(&names, "fd:5", 3, name));
    assert_string_equal("b", name);
    assert_true(csvc__gc_names_find(&names, "fd:1000", 9, name));
    assert_string_equal("far", name);
    for (int i = 0; i < 10; i++) {
        assert_true(csvc__gc_names_add(&names, 5, "c"));
    }
    assert_false(csvc__gc_names_find(&names, "fd:5", 3, name)); /* that is long ago */
    assert_false(csvc__gc_names_find(&names, "fd:6", 9, name));
    assert_false(csvc__gc_names_find(&names, "fd:999999", 9, name));
    assert_false(csvc__gc_names_find(&names, "ipv4:127.0.0.1:1", 9, name));
    csvc__gc_names_release(&names);
}

static int count_descriptors(void)
{
    int n = 0;

    for (int fd = 0; fd < 1024; fd++) {
        n += fcntl(fd, F_GETFD) >= 0;
    }
    return n;
}

/* Numbers rest before they are another connection's; those of many short connections leave the
 * program its descriptors. */
static void numbers_that_rest_are_few(void **state)
{
    enum {
        LIMIT = 320,
        SHORT = 500
    };
    struct rlimit before, few;
    gc_resting resting = {.filler = 0};
    gc_names names;
    int n;

    (void)state;
    csvc__gc_names_init(&names);
    assert_int_equal(0, getrlimit(RLIMIT_NOFILE, &before));
    few = (struct rlimit){.rlim_cur = LIMIT, .rlim_max = before.rlim_max};
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &few));
    n = count_descriptors();
    for (int i = 0; i < SHORT; i++) {
        const int given = fcntl(0, F_DUPFD_CLOEXEC, 0);
        const int fd = csvc__gc_rested(&resting, &names, given);

        assert_true(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
        assert_int_equal(n + 1 + (int)resting.n, count_descriptors());
        assert_in_range(resting.n, 0, LIMIT / 8);
        assert_true(csvc__gc_names_add(&names, fd, "a"));
        csvc__gc_names_ended(&names, fd, csvc__now());
        assert_int_equal(0, close(fd));
    }
    assert_true(csvc__gc_resting_due(&resting) > csvc__now());
    csvc__gc_resting_clear(&resting, INT64_MAX);
    assert_int_equal(n, count_descriptors());
    assert_true(csvc__gc_resting_due(&resting) == INT64_MAX);
    assert_int_equal(0, setrlimit(RLIMIT_NOFILE, &before));
    csvc__gc_names_release(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_used_again),
        cmocka_unit_test(numbers_that_rest_are_few),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
