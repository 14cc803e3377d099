/* app/cli_tls.c: the flags of a command-line client that are about TLS, and their variables. */
#include <app/cli.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <base/banned.h>

typedef struct tls_flag {
    const char *name;
    const char *variable;
    const char *wanted;
    const char *help;
    size_t offset; /* of the text in the options */
} tls_flag;

static const tls_flag flags[] = {
    {"tls-ca-file", "TLS_CA_FILE", "FILE", "who may have signed the server's certificate",
     offsetof(csvc_channel_options, tls_ca_file)},
    {"tls-client-cert-file", "TLS_CLIENT_CERT_FILE", "FILE", "the certificate to show",
     offsetof(csvc_channel_options, tls_cert_file)},
    {"tls-client-key-file", "TLS_CLIENT_KEY_FILE", "FILE", "its key",
     offsetof(csvc_channel_options, tls_key_file)},
    {"tls-server-name", "TLS_SERVER_NAME", "NAME", "what the server's certificate is for",
     offsetof(csvc_channel_options, tls_server_name)},
};

static void set_text(csvc_channel_options *options, const tls_flag *flag, const char *value)
{
    memcpy((char *)options + flag->offset, &value, sizeof(value));
}

static const tls_flag *find(const char *name)
{
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        if (strcmp(flags[i].name, name) == 0) {
            return &flags[i];
        }
    }
    return NULL;
}

bool csvc__cli_tls_is(const char *name, bool *ret_switch)
{
    *ret_switch = strcmp(name, "tls") == 0;
    return *ret_switch || find(name) != NULL;
}

csvc_code csvc__cli_tls_set(csvc_channel_options *options, const char *name, const char *value,
                            csvc_error *err)
{
    if (strcmp(name, "tls") != 0) {
        set_text(options, find(name), value);
        return CSVC_OK;
    }
    options->tls = strcmp(value, "true") == 0;
    return options->tls || strcmp(value, "false") == 0
               ? CSVC_OK
               : csvc_error_set(err, CSVC_INVALID_ARGUMENT, "--tls: '%.100s' is not true or false",
                                value);
}

void csvc__cli_tls_environment(csvc_channel_options *options)
{
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        const char *value = getenv(flags[i].variable);

        if (value != NULL && value[0] != '\0') {
            set_text(options, &flags[i], value);
        }
    }
}

void csvc__cli_tls_help(void)
{
    (void)printf("  %-26s encrypt; verified by the CAs of this system\n", "--tls");
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        char flag[64];

        (void)snprintf(flag, sizeof(flag), "--%s %s", flags[i].name, flags[i].wanted);
        if (strlen(flag) > 26) {
            (void)printf("  %s\n  %-26s", flag, "");
        } else {
            (void)printf("  %-26s", flag);
        }
        (void)printf(" %s (%s)\n", flags[i].help, flags[i].variable);
    }
}
