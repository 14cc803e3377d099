/* C++'s own reflection over the files that are linked in, which it knows without serving them; prints its port, ends with its
 * standard input. */
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/server_builder.h>

#include <cstdio>

int main()
{
    grpc::ServerBuilder builder;
    int port = 0;

    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    std::printf("%d\n", port);
    std::fflush(stdout);
    while (std::getchar() != EOF) {
    }
    server->Shutdown();
    return 0;
}
