/* store/uuid.c: see the header. */
#include <base/clock.h>
#include <store/uuid.h>

#include <errno.h>
#include <sys/random.h>

#include <base/banned.h>

bool csvc__uuid_v7(char ret_text[CSVC__UUID_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    const uint64_t ms = (uint64_t)(csvc__unix_now() / CSVC__MS);
    uint8_t b[16];
    char *at = ret_text;
    ssize_t n;

    do {
        n = getrandom(b + 6, 10, 0);
    } while (n < 0 && errno == EINTR);
    if (n != 10) {
        return false;
    }
    for (int i = 0; i < 6; i++) {
        b[i] = (uint8_t)(ms >> (40 - 8 * i));
    }
    b[6] = (uint8_t)(0x70 | (b[6] & 0x0f));
    b[8] = (uint8_t)(0x80 | (b[8] & 0x3f));
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            *at++ = '-';
        }
        *at++ = digits[b[i] >> 4];
        *at++ = digits[b[i] & 15];
    }
    *at = '\0';
    return true;
}
