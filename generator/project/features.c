/* features.c: the table of features. */
#include "features.h"

#include <string.h>

#include "base/banned.h"

#define FILES(...) ((const char *const[]){__VA_ARGS__, NULL})

const feature features_all[] = {
    {.name = "bench",
     .summary = "build/NAME-bench: how many calls a second, how long each takes",
     .by_default = true,
     .files = FILES("bench/main.c")},
    {.name = "buf",
     .summary = "buf.yaml: lint and breaking changes of the contract",
     .by_default = true,
     .files = FILES("buf.yaml", FEATURES_OPTIONS)},
    {.name = "ci",
     .summary = ".github/workflows/ci.yml: builds, tests and sanitizers at each push",
     .by_default = true,
     .files = FILES(".github/workflows/ci.yml")},
    {.name = "compose",
     .summary = "deploy/compose.yaml: the service and the servers it needs, on one machine",
     .needs = "docker",
     .by_default = true,
     .files = FILES("deploy/compose.yaml")},
    {.name = "docker",
     .summary = "deploy/Dockerfile: a small image that runs as nobody; `make image`",
     .by_default = true,
     .files = FILES("deploy/Dockerfile", ".dockerignore")},
    {.name = "grafana",
     .summary = "deploy/grafana/: a dashboard of calls, errors, durations, connections",
     .needs = "prometheus",
     .by_default = true,
     .files = FILES("deploy/grafana/dashboard.json", "deploy/grafana/dashboards.yaml",
                    "deploy/grafana/datasource.yaml")},
    {.name = "kong",
     .summary = "deploy/kong.yml: routes of a Kong gateway to the service",
     .files = FILES("deploy/kong.yml")},
    {.name = "kubernetes",
     .summary = "deploy/k8s/: Deployment, Service, disruption budget, autoscaler",
     .needs = "docker",
     .by_default = true,
     .files = FILES("deploy/k8s/deployment.yaml", "deploy/k8s/service.yaml", "deploy/k8s/pdb.yaml",
                    "deploy/k8s/hpa.yaml")},
    {.name = "prometheus",
     .summary = "deploy/prometheus.yml, alerts.yml: what to scrape, when to wake somebody",
     .by_default = true,
     .files = FILES("deploy/prometheus.yml", "deploy/alerts.yml", "deploy/alerts_test.yml")},
    {.name = "systemd",
     .summary = "deploy/NAME.service: a hardened unit that systemd knows to be ready",
     .by_default = true,
     .files = FILES("deploy/NAME.service")},
    {0},
};

const feature *features_find(const char *name)
{
    for (const feature *f = features_all; f->name != NULL; f++) {
        if (strcmp(f->name, name) == 0) {
            return f;
        }
    }
    return NULL;
}

const char *features_nearest(const char *word)
{
    const char *names[sizeof(features_all) / sizeof(features_all[0])];
    size_t n = 0;

    for (const feature *f = features_all; f->name != NULL; f++) {
        names[n++] = f->name;
    }
    return cli_nearest(word, names, n);
}

bool features_follow(const feature *f, const feature *named, bool with)
{
    const feature *one = with ? named : f;
    const feature *other = with ? f : named;

    return f == named || (one->needs != NULL && strcmp(one->needs, other->name) == 0);
}

const char *features_names(csvc_arena *a, const char *between)
{
    cli_list names = {0};

    for (const feature *f = features_all; f->name != NULL; f++) {
        cli_list_add(a, &names, f->name);
    }
    return cli_list_join(a, &names, between);
}

void features_default(csvc_arena *a, cli_list *ret_names)
{
    for (const feature *f = features_all; f->name != NULL; f++) {
        if (f->by_default) {
            cli_list_add(a, ret_names, f->name);
        }
    }
}

const char *features_path(csvc_arena *a, const char *path, const char *name)
{
    const char *at = strstr(path, "NAME");

    return at == NULL ? path : cli_printf(a, "%.*s%s%s", (int)(at - path), path, name, at + 4);
}
