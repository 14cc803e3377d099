/* completion.c: c-svc completion: what a shell offers behind `c-svc`, out of the table of commands.
 */
#include "cli.h"
#include "project/features.h"

#include <stdio.h>
#include <string.h>

#include "base/banned.h"

/* What may stand somewhere: words, or something that the shell itself knows. */
typedef struct choice {
    const char *words; /* with a blank between them; "" for none */
    bool files, folders;
    bool several; /* words with commas between them */
} choice;

/* "bash|zsh|fish" to "bash zsh fish", "list|show [NAME]..." to "list show". */
static const char *spread(csvc_arena *a, const char *form)
{
    char *words = cli_must(csvc_arena_strndup(a, form, strcspn(form, " ")));

    for (char *c = words; *c != '\0'; c++) {
        *c = *c == '|' ? ' ' : *c;
    }
    return words;
}

static const char *all_commands(csvc_arena *a)
{
    cli_list names = {0};

    for (const cli_command *const *c = cli_commands; *c != NULL; c++) {
        cli_list_add(a, &names, (*c)->name);
    }
    return cli_list_join(a, &names, " ");
}

/* By how the help calls it: "FILE", "[PROTO]...", "sqlite|none", "FEATURE". */
static choice choices_of(csvc_arena *a, const char *form)
{
    choice c = {.words = ""};

    if (strstr(form, "COMMAND") != NULL) {
        c.words = cli_printf(a, "%s features", all_commands(a));
    } else if (strstr(form, "FEATURE") != NULL) {
        c.words = features_names(a, " ");
    } else if (strstr(form, "DIR") != NULL) {
        c.folders = true;
    } else if (strstr(form, "FILE") != NULL || strstr(form, "PROTO") != NULL) {
        c.files = true;
    } else if (strchr(form, '|') != NULL) {
        c.words = spread(a, form);
    }
    return c;
}

/* Of an option: --with takes several features, and `all`. */
static choice choices_of_value(csvc_arena *a, const cli_option *o)
{
    choice c = choices_of(a, o->value);

    if (strcmp(o->value, "FEATURE") == 0) {
        c.words = cli_printf(a, "all %s", c.words);
        c.several = true;
    }
    return c;
}

static const char *dashes(const cli_option *o)
{
    return strlen(o->name) == 1 ? "-" : "--";
}

/* ---- bash ---- */

static void print_kind(const choice *c)
{
    if (c->files || c->folders) {
        printf("kind=%s;;\n", c->files ? "f" : "d");
    } else {
        printf("kind=%s words='%s';;\n", c->several ? "l" : "w", c->words);
    }
}

static void print_bash(csvc_arena *a)
{
    printf("# bash: . <(c-svc completion bash)\n"
           "_c_svc() {\n"
           "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} kind= words=\n"
           "    if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then "
           "prev=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
           "    if ((COMP_CWORD == 1)); then\n"
           "        kind=w words='%s --help --version'\n"
           "    else case ${COMP_WORDS[1]}:$prev in\n",
           all_commands(a));
    for (const cli_command *const *c = cli_commands; *c != NULL; c++) {
        for (const cli_option *o = (*c)->options; o != NULL && o->name != NULL; o++) {
            if (o->value != NULL) {
                const choice value = choices_of_value(a, o);

                printf("    %s:%s%s) ", (*c)->name, dashes(o), o->name);
                print_kind(&value);
            }
        }
    }
    printf("    *) case ${COMP_WORDS[1]}:$cur in\n");
    for (const cli_command *const *c = cli_commands; *c != NULL; c++) {
        const choice operand = choices_of(a, (*c)->operands);

        printf("        %s:-*) kind=w words='", (*c)->name);
        for (const cli_option *o = (*c)->options; o != NULL && o->name != NULL; o++) {
            printf("%s%s ", dashes(o), o->name);
        }
        printf("--help';;\n        %s:*) ", (*c)->name);
        print_kind(&operand);
    }
    printf("        esac;;\n"
           "    esac; fi\n"
           "    case $kind in\n"
           "    f|d) compopt -o filenames 2> /dev/null; mapfile -t COMPREPLY < <(compgen -$kind -- "
           "\"$cur\");;\n"
           "    l) prev=; [[ $cur == *,* ]] && prev=${cur%%,*},\n"
           "        mapfile -t COMPREPLY < <(compgen -P \"$prev\" -W \"$words\" -- "
           "\"${cur##*,}\");;\n"
           "    *) mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$cur\");;\n"
           "    esac\n"
           "}\n"
           "complete -F _c_svc c-svc\n");
}

/* ---- zsh ---- */

/* Text between single quotes, and no colon or bracket that would end it. */
static void print_plain(const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (strchr("':[]", *c) == NULL) {
            putchar(*c);
        }
    }
}

static void print_action(const char *name, const choice *c)
{
    putchar(':');
    print_plain(name);
    if (c->files || c->folders) {
        printf(":_files%s", c->files ? "" : " -/");
    } else if (c->several) {
        printf(":_values -s , word %s", c->words);
    } else {
        printf(":(%s)", c->words);
    }
}

static void print_zsh(csvc_arena *a)
{
    printf("#compdef c-svc\n"
           "# zsh: in a folder of fpath as _c-svc, or: . <(c-svc completion zsh)\n"
           "_c_svc() {\n"
           "    local -a commands\n"
           "    commands=(\n");
    for (const cli_command *const *c = cli_commands; *c != NULL; c++) {
        printf("        '%s:", (*c)->name);
        print_plain((*c)->summary);
        printf("'\n");
    }
    printf("    )\n"
           "    if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
           "    local command=$words[2]\n"
           "    shift words; (( CURRENT-- ))\n"
           "    case $command in\n");
    for (const cli_command *const *c = cli_commands; *c != NULL; c++) {
        const choice operand = choices_of(a, (*c)->operands);

        printf("    %s) _arguments '--help'", (*c)->name);
        for (const cli_option *o = (*c)->options; o != NULL && o->name != NULL; o++) {
            printf(" '%s%s%s", o->many ? "*" : "", dashes(o), o->name);
            if (o->value != NULL) {
                const choice value = choices_of_value(a, o);

                printf("%s", strlen(o->name) == 1 ? "+" : "="); /* also in the same word */
                print_action(o->value, &value);
            }
            putchar('\'');
        }
        if ((*c)->max_operands > 0) {
            printf(" '*");
            print_action((*c)->operands, &operand);
            putchar('\'');
        }
        printf(";;\n");
    }
    printf("    esac\n"
           "}\n"
           "if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _c_svc \"$@\"; else compdef "
           "_c_svc c-svc; fi\n");
}

/* ---- fish ---- */

static void print_fish_choice(const choice *c)
{
    if (c->folders) {
        printf(" -x -a '(__fish_complete_directories)'");
    } else if (c->files) {
        printf(" -r -F");
    } else if (c->several) {
        printf(" -x -a '(__fish_append , %s)'", c->words);
    } else {
        printf(" -x -a '%s'", c->words);
    }
}

static void print_fish(csvc_arena *a)
{
    printf("# fish: c-svc completion fish | source\n"
           "complete -c c-svc -f\n"
           "complete -c c-svc -n __fish_use_subcommand -l help\n"
           "complete -c c-svc -n __fish_use_subcommand -l version\n");
    for (const cli_command *const *c = cli_commands; *c != NULL; c++) {
        const choice operand = choices_of(a, (*c)->operands);
        const char *within =
            cli_printf(a, "complete -c c-svc -n '__fish_seen_subcommand_from %s'", (*c)->name);

        printf("complete -c c-svc -n __fish_use_subcommand -a %s -d '", (*c)->name);
        print_plain((*c)->summary);
        printf("'\n%s -l help\n", within);
        for (const cli_option *o = (*c)->options; o != NULL && o->name != NULL; o++) {
            printf("%s -%s %s", within, strlen(o->name) == 1 ? "s" : "l", o->name);
            if (o->value != NULL) {
                const choice value = choices_of_value(a, o);

                print_fish_choice(&value);
            }
            putchar('\n');
        }
        if (operand.files) {
            printf("%s -F\n", within);
        } else if (operand.folders) {
            printf("%s -a '(__fish_complete_directories)'\n", within);
        } else if (operand.words[0] != '\0') {
            printf("%s -a '%s'\n", within, operand.words);
        }
    }
}

static int run_completion(csvc_arena *a, const cli_args *args)
{
    const char *shell = args->operands[0];

    if (strcmp(shell, "bash") == 0) {
        print_bash(a);
    } else if (strcmp(shell, "zsh") == 0) {
        print_zsh(a);
    } else if (strcmp(shell, "fish") == 0) {
        print_fish(a);
    } else {
        return cli_usage(args->command, "'%s' is no shell that it knows: bash, zsh, fish", shell);
    }
    return CLI_OK;
}

const cli_command cli_completion = {
    .name = "completion",
    .operands = "bash|zsh|fish",
    .min_operands = 1,
    .max_operands = 1,
    .summary = "what a shell needs to complete c-svc's words",
    .text =
        "Prints a script for the shell to read: its commands, their options, what stands behind\n"
        "those. `make install` puts the three where shells look for them; by hand:\n"
        "\n"
        "  bash     . <(c-svc completion bash)               in ~/.bashrc\n"
        "  zsh      . <(c-svc completion zsh)                in ~/.zshrc, behind compinit\n"
        "  fish     c-svc completion fish | source           in ~/.config/fish/config.fish\n",
    .run = run_completion,
};
