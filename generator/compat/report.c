/* compat/report.c: what is found, under the rules' names. */
#include "compat/parts.h"

#include <stdarg.h>

#include "base/buffer.h"

#include "base/banned.h"

static const struct {
    const char *name;
    bool wire;
} rules[] = {
#define X(name, wire) {#name, wire},
    COMPAT_RULES(X)
#undef X
};

void compat_report(compat_run *run, compat_rule rule, gen_place place, const char *format, ...)
{
    csvc__buffer text;
    va_list args;

    csvc__buffer_init(&text, 1 << 20);
    va_start(args, format);
    csvc__buffer_vprintf(&text, format, args);
    va_end(args);
    if (!csvc__buffer_ok(&text)) {
        run->diag->failed = true;
    } else {
        run->n_wire += rules[rule].wire ? 1 : 0;
        gen_report(run->diag, rules[rule].wire ? run->wire : GEN_WARNING, place, "%s [%s]",
                   text.data, rules[rule].name);
    }
    csvc__buffer_release(&text);
}
