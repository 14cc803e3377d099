/* sha256.c: OpenSSL's, as hexadecimal text. */
#include "sha256.h"

#include "console/say.h"

#include <openssl/sha.h>

#include "base/banned.h"

void sha256_hex(csvc_bytes data, char ret_hex[SHA256_HEX])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char sum[SHA256_DIGEST_LENGTH];

    (void)cli_must(SHA256(data.data, data.len, sum));
    for (size_t i = 0; i < sizeof(sum); i++) {
        ret_hex[2 * i] = digits[sum[i] >> 4];
        ret_hex[2 * i + 1] = digits[sum[i] & 15];
    }
    ret_hex[SHA256_HEX - 1] = '\0';
}

const char *sha256_text(csvc_arena *a, csvc_bytes data)
{
    char hex[SHA256_HEX];

    sha256_hex(data, hex);
    return cli_must(csvc_arena_strdup(a, hex));
}
