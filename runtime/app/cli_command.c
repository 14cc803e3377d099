/* app/cli_command.c: what rpcs are called on a command line. Needs nothing else of the runtime:
 * c-svc names them by it, too. */
#include <app/cli.h>

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include <base/banned.h>

void csvc__cli_kebab(const char *name, char ret_text[CSVC__CLI_NAME])
{
    size_t at = 0;

    for (size_t i = 0; name[i] != '\0' && at < CSVC__CLI_NAME - 2; i++) {
        const unsigned char c = (unsigned char)name[i];

        if (c == '_') {
            ret_text[at++] = '-';
            continue;
        }
        /* a word begins at aB and, after capitals in a row, at the last one of them: HTTPServer */
        if (isupper(c) && i > 0 && name[i - 1] != '_' &&
            (!isupper((unsigned char)name[i - 1]) || islower((unsigned char)name[i + 1]))) {
            ret_text[at++] = '-';
        }
        ret_text[at++] = (char)tolower(c);
    }
    ret_text[at] = '\0';
}

static const char *short_name(const csvc_service *service)
{
    const char *dot = strrchr(service->name, '.');

    return dot != NULL ? dot + 1 : service->name;
}

void csvc__cli_long_command(const csvc_service *service, const csvc_method *method, bool whole,
                            char ret_text[CSVC__CLI_NAME])
{
    char rpc[CSVC__CLI_NAME], name[CSVC__CLI_NAME];

    csvc__cli_kebab(method->name, rpc);
    csvc__cli_kebab(short_name(service), name);
    /* names of this length are cut, and cannot be typed then */
    (void)!snprintf(ret_text, CSVC__CLI_NAME, "%.120s.%.120s", whole ? service->name : name, rpc);
}

/* How many rpcs of the client this command could mean. */
static size_t count_commands(const csvc_cli_info *info, const char *command, int form)
{
    size_t n = 0;

    for (size_t i = 0; info->services[i] != NULL; i++) {
        const csvc_service *service = info->services[i];

        for (uint32_t m = 0; m < service->n_methods; m++) {
            char text[CSVC__CLI_NAME];

            if (form == 0) {
                csvc__cli_kebab(service->methods[m].name, text);
            } else {
                csvc__cli_long_command(service, &service->methods[m], form == 2, text);
            }
            n += strcmp(text, command) == 0;
        }
    }
    return n;
}

void csvc__cli_command(const csvc_cli_info *info, const csvc_service *service,
                       const csvc_method *method, char ret_text[CSVC__CLI_NAME])
{
    csvc__cli_kebab(method->name, ret_text);
    for (int form = 1; form <= 2 && count_commands(info, ret_text, form - 1) > 1; form++) {
        csvc__cli_long_command(service, method, form == 2, ret_text);
    }
}
