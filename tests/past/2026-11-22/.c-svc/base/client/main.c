/* user-service-client: a subcommand for each rpc, replies as JSON. `--help` lists them. */
#include "client.h"

int main(int argc, char **argv)
{
    return csvc_cli_run(&user_service_cli, argc, argv);
}
