// The same service on grpc++ 1.51, for ratios: Echo and Down, callback API. Prints `listening PORT`.
#include <grpcpp/grpcpp.h>
#include <csignal>
#include <cstdio>
#include <string>

#include "torture.grpc.pb.h"

using torture::v1::DownRequest;
using torture::v1::Msg;

class Pourer : public grpc::ServerWriteReactor<Msg>
{
  public:
    explicit Pourer(const DownRequest *req) : left_(req->messages() == 0 ? -1 : req->messages())
    {
        msg_.set_pad(std::string(req->bytes(), '\0'));
        Next();
    }
    void OnWriteDone(bool ok) override
    {
        if (ok) {
            Next();
        } else {
            Finish(grpc::Status::CANCELLED);
        }
    }
    void OnDone() override { delete this; }

  private:
    void Next()
    {
        if (left_ == 0) {
            Finish(grpc::Status::OK);
            return;
        }
        left_--;
        msg_.set_seq(msg_.seq() + 1);
        StartWrite(&msg_);
    }
    int64_t left_;
    Msg msg_;
};

class Torture : public torture::v1::Torture::CallbackService
{
    grpc::ServerUnaryReactor *Echo(grpc::CallbackServerContext *ctx, const Msg *req, Msg *rsp) override
    {
        *rsp = *req;
        auto *reactor = ctx->DefaultReactor();
        reactor->Finish(grpc::Status::OK);
        return reactor;
    }
    grpc::ServerWriteReactor<Msg> *Down(grpc::CallbackServerContext *, const DownRequest *req) override
    {
        return new Pourer(req);
    }
};

int main()
{
    sigset_t stop;
    sigemptyset(&stop);
    sigaddset(&stop, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &stop, nullptr);

    Torture service;
    grpc::ServerBuilder builder;
    int port = 0, number = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    auto server = builder.BuildAndStart();
    if (!server) {
        return 1;
    }
    std::printf("listening %d\n", port);
    std::fflush(stdout);
    sigwait(&stop, &number);
    server->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
    return 0;
}
