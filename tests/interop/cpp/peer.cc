// gRPC's interoperability tests on C++'s library, one file so that its long headers are read once:
//     peer server [CERT KEY]            prints its port, serves until its input ends
//     peer client TARGET [CA NAME] [--] [CASE...]
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <iostream>
#include <set>
#include <sstream>
#include <thread>

#include "interop.grpc.pb.cc"
#include "interop.pb.cc"

// What gRPC's own test programs look at: the flags of the message received last.
uint32_t grpc_call_test_only_get_message_flags(grpc_call *call);

using namespace grpc;
using namespace grpc::testing;
using std::string;

static const char *const INITIAL = "x-grpc-test-echo-initial";
static const char *const TRAILING = "x-grpc-test-echo-trailing-bin";
static const int UP[] = {27182, 8, 1828, 45904};
static const int DOWN[] = {31415, 9, 2653, 58979};

static string read_file(const char *name)
{
    std::ifstream in(name);
    std::stringstream text;
    text << in.rdbuf();
    return text.str();
}

static bool was_packed(grpc_call *call)
{
    return (grpc_call_test_only_get_message_flags(call) & 0xc0000000u) != 0; // packed, was packed
}

/* ---- the server ---- */

struct Served final : TestService::Service {
    static void echo_metadata(ServerContext *ctx)
    {
        for (const auto &entry : ctx->client_metadata()) {
            string key(entry.first.data(), entry.first.size());
            string value(entry.second.data(), entry.second.size());
            if (key == INITIAL) {
                ctx->AddInitialMetadata(key, value);
            } else if (key == TRAILING) {
                ctx->AddTrailingMetadata(key, value);
            }
        }
    }

    static bool as_expected(ServerContext *ctx, bool has, const BoolValue &expected)
    {
        return !has || expected.value() == was_packed(ctx->c_call());
    }

    static Status wrong()
    {
        return Status(StatusCode::INVALID_ARGUMENT, "compressed otherwise than expected");
    }

    static Status asked(const EchoStatus &status)
    {
        return Status(static_cast<StatusCode>(status.code()), status.message());
    }

    Status EmptyCall(ServerContext *ctx, const Empty *, Empty *) override
    {
        echo_metadata(ctx);
        return Status::OK;
    }

    Status UnaryCall(ServerContext *ctx, const SimpleRequest *req, SimpleResponse *rsp) override
    {
        echo_metadata(ctx);
        if (!as_expected(ctx, req->has_expect_compressed(), req->expect_compressed())) {
            return wrong();
        }
        if (req->has_response_status()) {
            return asked(req->response_status());
        }
        if (req->has_response_compressed()) {
            ctx->set_compression_algorithm(req->response_compressed().value() ? GRPC_COMPRESS_GZIP
                                                                             : GRPC_COMPRESS_NONE);
        }
        rsp->mutable_payload()->set_body(string(req->response_size(), '\0'));
        return Status::OK;
    }

    Status CacheableUnaryCall(ServerContext *ctx, const SimpleRequest *req,
                              SimpleResponse *rsp) override
    {
        return UnaryCall(ctx, req, rsp);
    }

    template <class W> static void reply(const StreamingOutputCallRequest &req, W *out)
    {
        for (const auto &asked : req.response_parameters()) {
            StreamingOutputCallResponse rsp;
            WriteOptions options;
            rsp.mutable_payload()->set_body(string(asked.size(), '\0'));
            if (asked.has_compressed() && !asked.compressed().value()) {
                options.set_no_compression();
            }
            std::this_thread::sleep_for(std::chrono::microseconds(asked.interval_us()));
            out->Write(rsp, options);
        }
    }

    Status StreamingOutputCall(ServerContext *ctx, const StreamingOutputCallRequest *req,
                               ServerWriter<StreamingOutputCallResponse> *out) override
    {
        echo_metadata(ctx);
        for (const auto &asked : req->response_parameters()) {
            if (asked.has_compressed()) {
                ctx->set_compression_algorithm(GRPC_COMPRESS_GZIP);
            }
        }
        reply(*req, out);
        return req->has_response_status() ? asked(req->response_status()) : Status::OK;
    }

    Status StreamingInputCall(ServerContext *ctx, ServerReader<StreamingInputCallRequest> *in,
                              StreamingInputCallResponse *rsp) override
    {
        StreamingInputCallRequest req;
        int sum = 0;
        while (in->Read(&req)) {
            if (!as_expected(ctx, req.has_expect_compressed(), req.expect_compressed())) {
                return wrong();
            }
            sum += static_cast<int>(req.payload().body().size());
        }
        rsp->set_aggregated_payload_size(sum);
        return Status::OK;
    }

    using Duplex = ServerReaderWriter<StreamingOutputCallResponse, StreamingOutputCallRequest>;

    Status FullDuplexCall(ServerContext *ctx, Duplex *both) override
    {
        StreamingOutputCallRequest req;
        echo_metadata(ctx);
        while (both->Read(&req)) {
            if (req.has_response_status()) {
                return asked(req.response_status());
            }
            reply(req, both);
        }
        return Status::OK;
    }

    Status HalfDuplexCall(ServerContext *, Duplex *both) override
    {
        std::vector<StreamingOutputCallRequest> all;
        StreamingOutputCallRequest req;
        while (both->Read(&req)) {
            all.push_back(req);
        }
        for (const auto &one : all) {
            reply(one, both);
        }
        return Status::OK;
    }
};

static int serve(int argc, char **argv)
{
    Served service;
    ServerBuilder builder;
    auto creds = InsecureServerCredentials();
    int port = 0;
    char c;
    if (argc == 2) {
        SslServerCredentialsOptions options;
        options.pem_key_cert_pairs.push_back({read_file(argv[1]), read_file(argv[0])});
        creds = SslServerCredentials(options);
    }
    builder.AddListeningPort("127.0.0.1:0", creds, &port);
    builder.AddChannelArgument("grpc.max_metadata_size", 128 << 10);
    builder.RegisterService(&service);
    auto server = builder.BuildAndStart();
    if (!server) {
        return 1;
    }
    std::cout << "listening grpc=127.0.0.1:" << port << std::endl;
    while (read(0, &c, 1) > 0) {
    }
    server->Shutdown(std::chrono::system_clock::now());
    return 0;
}

/* ---- the client ---- */

struct Wrong {
    string text;
};

static void check(bool holds, const string &what)
{
    if (!holds) {
        throw Wrong{what};
    }
}

static void check(const Status &status, StatusCode code = StatusCode::OK)
{
    check(status.error_code() == code, "status " + std::to_string(status.error_code()) + " " +
                                           status.error_message() + ", not " + std::to_string(code));
}

using Stub = TestService::Stub;

static SimpleRequest large()
{
    SimpleRequest req;
    req.set_response_size(314159);
    req.mutable_payload()->set_body(string(271828, '\0'));
    return req;
}

static void check_large(const SimpleResponse &rsp)
{
    check(rsp.payload().body().size() == 314159, "a reply of another size");
}

static StreamingOutputCallRequest asking(int down, int up)
{
    StreamingOutputCallRequest req;
    req.add_response_parameters()->set_size(down);
    req.mutable_payload()->set_body(string(up, '\0'));
    return req;
}

static void empty_unary(Stub *stub)
{
    ClientContext ctx;
    Empty rsp;
    check(stub->EmptyCall(&ctx, Empty(), &rsp));
}

static void large_unary(Stub *stub)
{
    ClientContext ctx;
    SimpleResponse rsp;
    check(stub->UnaryCall(&ctx, large(), &rsp));
    check_large(rsp);
}

static void cacheable_unary(Stub *stub)
{
    for (int i = 0; i < 2; i++) {
        ClientContext ctx;
        SimpleResponse rsp;
        check(stub->CacheableUnaryCall(&ctx, large(), &rsp));
        check_large(rsp);
    }
}

static void client_streaming(Stub *stub)
{
    ClientContext ctx;
    StreamingInputCallResponse rsp;
    auto out = stub->StreamingInputCall(&ctx, &rsp);
    for (int size : UP) {
        StreamingInputCallRequest req;
        req.mutable_payload()->set_body(string(size, '\0'));
        check(out->Write(req), "no more is taken");
    }
    out->WritesDone();
    check(out->Finish());
    check(rsp.aggregated_payload_size() == 74922, "another sum");
}

static void server_streaming(Stub *stub)
{
    ClientContext ctx;
    StreamingOutputCallRequest req;
    StreamingOutputCallResponse rsp;
    size_t n = 0;
    for (int size : DOWN) {
        req.add_response_parameters()->set_size(size);
    }
    auto in = stub->StreamingOutputCall(&ctx, req);
    for (; in->Read(&rsp); n++) {
        check(n < 4 && rsp.payload().body().size() == static_cast<size_t>(DOWN[n]), "another reply");
    }
    check(in->Finish());
    check(n == 4, "another number of replies");
}

static void ping_pong(Stub *stub)
{
    ClientContext ctx;
    StreamingOutputCallResponse rsp;
    auto both = stub->FullDuplexCall(&ctx);
    for (int i = 0; i < 4; i++) {
        check(both->Write(asking(DOWN[i], UP[i])), "no more is taken");
        check(both->Read(&rsp) && rsp.payload().body().size() == static_cast<size_t>(DOWN[i]),
              "another reply");
    }
    both->WritesDone();
    check(!both->Read(&rsp), "a reply too many");
    check(both->Finish());
}

static void empty_stream(Stub *stub)
{
    ClientContext ctx;
    StreamingOutputCallResponse rsp;
    auto both = stub->FullDuplexCall(&ctx);
    both->WritesDone();
    check(!both->Read(&rsp), "a reply too many");
    check(both->Finish());
}

static void client_compressed_unary(Stub *stub)
{
    for (int i = 0; i < 3; i++) { /* the probe; compressed; not compressed */
        ClientContext ctx;
        SimpleRequest req = large();
        SimpleResponse rsp;
        req.mutable_expect_compressed()->set_value(i < 2);
        ctx.set_compression_algorithm(i == 1 ? GRPC_COMPRESS_GZIP : GRPC_COMPRESS_NONE);
        check(stub->UnaryCall(&ctx, req, &rsp),
              i == 0 ? StatusCode::INVALID_ARGUMENT : StatusCode::OK);
    }
}

static void client_compressed_streaming(Stub *stub)
{
    for (int i = 0; i < 2; i++) { /* the probe; the real thing */
        ClientContext ctx;
        StreamingInputCallRequest req;
        StreamingInputCallResponse rsp;
        WriteOptions plain;
        plain.set_no_compression();
        ctx.set_compression_algorithm(GRPC_COMPRESS_GZIP);
        auto out = stub->StreamingInputCall(&ctx, &rsp);
        req.mutable_expect_compressed()->set_value(true);
        req.mutable_payload()->set_body(string(27182, '\0'));
        out->Write(req, i == 0 ? plain : WriteOptions());
        if (i == 1) {
            req.mutable_expect_compressed()->set_value(false);
            req.mutable_payload()->set_body(string(45904, '\0'));
            check(out->Write(req, plain), "no more is taken");
        }
        out->WritesDone();
        check(out->Finish(), i == 0 ? StatusCode::INVALID_ARGUMENT : StatusCode::OK);
        check(i == 0 || rsp.aggregated_payload_size() == 73086, "another sum");
    }
}

static void server_compressed_unary(Stub *stub)
{
    for (bool packed : {true, false}) {
        ClientContext ctx;
        SimpleRequest req = large();
        SimpleResponse rsp;
        req.mutable_response_compressed()->set_value(packed);
        check(stub->UnaryCall(&ctx, req, &rsp));
        check_large(rsp);
        check(was_packed(ctx.c_call()) == packed, "compressed otherwise than asked for");
    }
}

static void server_compressed_streaming(Stub *stub)
{
    for (bool first : {true, false}) {
        ClientContext ctx;
        StreamingOutputCallRequest req;
        StreamingOutputCallResponse rsp;
        bool packed = first;
        size_t n = 0;
        for (int size : {31415, 92653}) {
            auto *asked = req.add_response_parameters();
            asked->set_size(size);
            asked->mutable_compressed()->set_value(size == 31415 ? first : !first);
        }
        auto in = stub->StreamingOutputCall(&ctx, req);
        for (; in->Read(&rsp); n++, packed = !packed) {
            check(was_packed(ctx.c_call()) == packed, "compressed otherwise than asked for");
        }
        check(in->Finish());
        check(n == 2, "another number of replies");
    }
}

static void check_echo(Stub *stub, const string &text)
{
    ClientContext ctx;
    SimpleRequest req;
    SimpleResponse rsp;
    req.mutable_response_status()->set_code(2);
    req.mutable_response_status()->set_message(text);
    Status status = stub->UnaryCall(&ctx, req, &rsp);
    check(status, StatusCode::UNKNOWN);
    check(status.error_message() == text, "the text " + status.error_message());
}

static void status_code_and_message(Stub *stub)
{
    ClientContext ctx;
    StreamingOutputCallRequest req;
    StreamingOutputCallResponse rsp;
    check_echo(stub, "test status message");
    req.mutable_response_status()->set_code(2);
    req.mutable_response_status()->set_message("test status message");
    auto both = stub->FullDuplexCall(&ctx);
    both->Write(req);
    check(!both->Read(&rsp), "a reply");
    Status status = both->Finish();
    check(status, StatusCode::UNKNOWN);
    check(status.error_message() == "test status message", "the text " + status.error_message());
}

static void special_status_message(Stub *stub)
{
    check_echo(stub, "\t\ntest with whitespace\r\nand Unicode BMP \u263a and non-BMP \U0001f608\t\n");
}

static void check_echoed(const ClientContext &ctx)
{
    auto initial = ctx.GetServerInitialMetadata().find(INITIAL);
    auto trailing = ctx.GetServerTrailingMetadata().find(TRAILING);
    check(initial != ctx.GetServerInitialMetadata().end() &&
              initial->second == "test_initial_metadata_value",
          INITIAL);
    check(trailing != ctx.GetServerTrailingMetadata().end() && trailing->second == "\xab\xab\xab",
          TRAILING);
}

static void custom_metadata(Stub *stub)
{
    ClientContext one, two;
    SimpleResponse rsp;
    StreamingOutputCallResponse part;
    for (ClientContext *ctx : {&one, &two}) {
        ctx->AddMetadata(INITIAL, "test_initial_metadata_value");
        ctx->AddMetadata(TRAILING, "\xab\xab\xab");
    }
    check(stub->UnaryCall(&one, large(), &rsp));
    check_echoed(one);
    auto both = stub->FullDuplexCall(&two);
    both->Write(asking(314159, 271828));
    check(both->Read(&part), "no reply");
    both->WritesDone();
    check(both->Finish());
    check_echoed(two);
}

static void cancel_after_begin(Stub *stub)
{
    ClientContext ctx;
    StreamingInputCallResponse rsp;
    auto out = stub->StreamingInputCall(&ctx, &rsp);
    ctx.TryCancel();
    check(out->Finish(), StatusCode::CANCELLED);
}

static void cancel_after_first_response(Stub *stub)
{
    ClientContext ctx;
    StreamingOutputCallResponse rsp;
    auto both = stub->FullDuplexCall(&ctx);
    both->Write(asking(31415, 27182));
    check(both->Read(&rsp), "no reply");
    ctx.TryCancel();
    check(both->Finish(), StatusCode::CANCELLED);
}

static void timeout_on_sleeping_server(Stub *stub)
{
    ClientContext ctx;
    StreamingOutputCallRequest req;
    StreamingOutputCallResponse rsp;
    ctx.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(1));
    auto both = stub->FullDuplexCall(&ctx);
    req.mutable_payload()->set_body(string(27182, '\0'));
    both->Write(req);
    check(!both->Read(&rsp), "a reply");
    check(both->Finish(), StatusCode::DEADLINE_EXCEEDED);
}

static void unimplemented_method(Stub *stub)
{
    ClientContext ctx;
    Empty rsp;
    check(stub->UnimplementedCall(&ctx, Empty(), &rsp), StatusCode::UNIMPLEMENTED);
}

static std::shared_ptr<Channel> channel;

static void unimplemented_service(Stub *)
{
    ClientContext ctx;
    Empty rsp;
    check(UnimplementedService::NewStub(channel)->UnimplementedCall(&ctx, Empty(), &rsp),
          StatusCode::UNIMPLEMENTED);
}

static void concurrent_large_unary(Stub *stub)
{
    struct Call {
        ClientContext ctx;
        SimpleResponse rsp;
        Status status;
        std::unique_ptr<ClientAsyncResponseReader<SimpleResponse>> reader;
    };
    std::vector<Call> calls(1000);
    CompletionQueue queue;
    void *tag;
    bool ok;
    for (Call &call : calls) {
        call.reader = stub->AsyncUnaryCall(&call.ctx, large(), &queue);
        call.reader->Finish(&call.rsp, &call.status, &call);
    }
    for (size_t i = 0; i < calls.size(); i++) {
        check(queue.Next(&tag, &ok), "the queue has ended");
    }
    for (Call &call : calls) {
        check(call.status);
        check_large(call.rsp);
    }
}

#define CASE(name) {#name, name}
static const std::pair<const char *, void (*)(Stub *)> CASES[] = {
    CASE(empty_unary),
    CASE(large_unary),
    CASE(cacheable_unary),
    CASE(client_streaming),
    CASE(server_streaming),
    CASE(ping_pong),
    CASE(empty_stream),
    CASE(client_compressed_unary),
    CASE(client_compressed_streaming),
    CASE(server_compressed_unary),
    CASE(server_compressed_streaming),
    CASE(status_code_and_message),
    CASE(special_status_message),
    CASE(custom_metadata),
    CASE(cancel_after_begin),
    CASE(cancel_after_first_response),
    CASE(timeout_on_sleeping_server),
    CASE(unimplemented_method),
    CASE(unimplemented_service),
    CASE(concurrent_large_unary),
};

static int call(int argc, char **argv)
{
    ChannelArguments args;
    auto creds = InsecureChannelCredentials();
    int failed = 0;
    if (argc == 3) {
        SslCredentialsOptions options;
        options.pem_root_certs = read_file(argv[1]);
        creds = SslCredentials(options);
        args.SetSslTargetNameOverride(argv[2]);
    }
    channel = CreateCustomChannel(argv[0], creds, args);
    auto stub = TestService::NewStub(channel);
    for (const auto &one : CASES) {
        try {
            one.second(stub.get());
            std::cout << one.first << ": OK" << std::endl;
        } catch (const Wrong &wrong) {
            std::cout << one.first << ": failed: " << wrong.text << std::endl;
            failed++;
        }
    }
    return failed != 0;
}

int main(int argc, char **argv)
{
    const string what = argc > 1 ? argv[1] : "";
    if (what == "server") {
        return serve(argc - 2, argv + 2);
    }
    return what == "client" && argc > 2 ? call(argc - 2, argv + 2) : 2;
}
