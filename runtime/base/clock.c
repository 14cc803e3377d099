/* base/clock.c: clocks, and times as text. Calendar arithmetic of its own: gmtime_r knows
 * neither the range of years nor nanoseconds. */
#include <base/clock.h>

#include <stdio.h>
#include <string.h>
#include <time.h>

#include <base/banned.h>

#define DAY INT64_C(86400)
/* 0001-01-01T00:00:00Z and 9999-12-31T23:59:59Z */
#define FIRST_SECOND INT64_C(-62135596800)
#define LAST_SECOND  INT64_C(253402300799)

static int64_t read_clock(clockid_t id)
{
    struct timespec ts = {0};

    (void)clock_gettime(id, &ts); /* cannot fail for the two that POSIX asks for */
    return (int64_t)ts.tv_sec * CSVC__SECOND + ts.tv_nsec;
}

int64_t csvc__now(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

int64_t csvc__unix_now(void)
{
    return read_clock(CLOCK_REALTIME);
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int month_days(int64_t year, int month)
{
    static const int8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

/* Days from 0001-01-01 to the first of January of `year`. */
static int64_t days_before(int64_t year)
{
    int64_t past = year - 1;

    return past * 365 + past / 4 - past / 100 + past / 400;
}

bool csvc__rfc3339_print(int64_t seconds, int32_t nanos, char ret_text[CSVC__RFC3339_SIZE])
{
    int64_t days;
    int rest;
    int64_t year;
    int month = 1;
    int len;

    if (seconds < FIRST_SECOND || seconds > LAST_SECOND || nanos < 0 || nanos >= CSVC__SECOND) {
        return false;
    }
    days = (seconds - FIRST_SECOND) / DAY;
    rest = (int)((seconds - FIRST_SECOND) % DAY);
    year = days / 366 + 1; /* never too late, and at most a few years early */
    while (days_before(year + 1) <= days) {
        year += (days - days_before(year)) / 366 + 1;
        while (days_before(year) > days) {
            year--;
        }
    }
    days -= days_before(year);
    while (days >= month_days(year, month)) {
        days -= month_days(year, month);
        month++;
    }
    len = snprintf(ret_text, CSVC__RFC3339_SIZE, "%04d-%02d-%02dT%02d:%02d:%02d", (int)year, month,
                   (int)days + 1, rest / 3600, rest / 60 % 60, rest % 60);
    if (nanos == 0) {
        (void)snprintf(ret_text + len, CSVC__RFC3339_SIZE - (size_t)len, "Z");
    } else if (nanos % 1000000 == 0) {
        (void)snprintf(ret_text + len, CSVC__RFC3339_SIZE - (size_t)len, ".%03dZ", nanos / 1000000);
    } else if (nanos % 1000 == 0) {
        (void)snprintf(ret_text + len, CSVC__RFC3339_SIZE - (size_t)len, ".%06dZ", nanos / 1000);
    } else {
        (void)snprintf(ret_text + len, CSVC__RFC3339_SIZE - (size_t)len, ".%09dZ", nanos);
    }
    return true;
}

/* Exactly `n` digits at *at. */
static bool digits(const char **at, int n, int *ret_number)
{
    int number = 0;

    for (int i = 0; i < n; i++) {
        char c = (*at)[i];

        if (c < '0' || c > '9') {
            return false;
        }
        number = number * 10 + (c - '0');
    }
    *at += n;
    *ret_number = number;
    return true;
}

static bool literal(const char **at, char c)
{
    if (**at != c) {
        return false;
    }
    (*at)++;
    return true;
}

/* ".5" and up to nine digits; nothing at all is fine, too. */
static bool fraction(const char **at, int32_t *ret_nanos)
{
    int32_t nanos = 0;
    int32_t unit = (int32_t)CSVC__SECOND;

    if (literal(at, '.')) {
        if (**at < '0' || **at > '9') {
            return false;
        }
        for (; **at >= '0' && **at <= '9'; (*at)++) {
            unit /= 10;
            if (unit == 0) {
                return false;
            }
            nanos += (**at - '0') * unit;
        }
    }
    *ret_nanos = nanos;
    return true;
}

/* "Z", "+02:00": seconds east of UTC. */
static bool offset(const char **at, int *ret_seconds)
{
    int sign = **at == '-' ? -1 : 1;
    int hours;
    int minutes;

    if (literal(at, 'Z')) {
        *ret_seconds = 0;
        return true;
    }
    if (!literal(at, '+') && !literal(at, '-')) {
        return false;
    }
    if (!digits(at, 2, &hours) || !literal(at, ':') || !digits(at, 2, &minutes) || hours > 23 ||
        minutes > 59) {
        return false;
    }
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

bool csvc__rfc3339_parse(const char *text, int64_t *ret_seconds, int32_t *ret_nanos)
{
    const char *at = text;
    int year, month, day, hour, minute, second, east;
    int32_t nanos;
    int64_t days;
    int64_t seconds;

    if (!digits(&at, 4, &year) || !literal(&at, '-') || !digits(&at, 2, &month) ||
        !literal(&at, '-') || !digits(&at, 2, &day) || !literal(&at, 'T') ||
        !digits(&at, 2, &hour) || !literal(&at, ':') || !digits(&at, 2, &minute) ||
        !literal(&at, ':') || !digits(&at, 2, &second) || !fraction(&at, &nanos) ||
        !offset(&at, &east) || *at != '\0') {
        return false;
    }
    if (year < 1 || month < 1 || month > 12 || day < 1 || day > month_days(year, month) ||
        hour > 23 || minute > 59 || second > 59) {
        return false;
    }
    days = days_before(year) + day - 1;
    for (int m = 1; m < month; m++) {
        days += month_days(year, m);
    }
    seconds = FIRST_SECOND + days * DAY + hour * 3600 + minute * 60 + second - east;
    if (seconds < FIRST_SECOND || seconds > LAST_SECOND) {
        return false;
    }
    *ret_seconds = seconds;
    *ret_nanos = nanos;
    return true;
}

/* The unit at *at, in nanoseconds; 0 when there is none. */
static int64_t unit(const char **at)
{
    static const struct {
        const char *name;
        int64_t nanos;
    } units[] = {/* "ms" before "m" */
                 {"ns", 1},
                 {"us", 1000},
                 {"ms", CSVC__MS},
                 {"s", CSVC__SECOND},
                 {"m", 60 * CSVC__SECOND},
                 {"h", 3600 * CSVC__SECOND}};

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t len = strlen(units[i].name);

        if (strncmp(*at, units[i].name, len) == 0) {
            *at += len;
            return units[i].nanos;
        }
    }
    return 0;
}

bool csvc__duration_parse(const char *text, int64_t *ret_nanos)
{
    const char *at = text;
    int64_t total = 0;

    if (strcmp(text, "0") == 0) {
        *ret_nanos = 0;
        return true;
    }
    do {
        int64_t whole = 0;
        int32_t billionths;
        int64_t nanos;

        if (*at < '0' || *at > '9') {
            return false;
        }
        for (; *at >= '0' && *at <= '9'; at++) {
            int digit = *at - '0';

            if (whole > (INT64_MAX - digit) / 10) {
                return false;
            }
            whole = whole * 10 + digit;
        }
        if (!fraction(&at, &billionths)) {
            return false;
        }
        nanos = unit(&at);
        if (nanos == 0 || whole > INT64_MAX / nanos) {
            return false;
        }
        whole *= nanos;
        /* split, as an hour's nanoseconds times a billion are too many */
        nanos =
            nanos / CSVC__SECOND * billionths + nanos % CSVC__SECOND * billionths / CSVC__SECOND;
        if (whole > INT64_MAX - nanos || total > INT64_MAX - nanos - whole) {
            return false;
        }
        total += whole + nanos;
    } while (*at != '\0');
    *ret_nanos = total;
    return true;
}
