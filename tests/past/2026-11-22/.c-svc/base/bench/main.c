/* user-service-bench: a load test. `--help` says how. */
#include "client.h"

int main(int argc, char **argv)
{
    return csvc_bench_run(&user_service_cli, argc, argv);
}
