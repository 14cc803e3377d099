// calc.proto on grpc++: cpp_server [--async]. Prints "listening PORT"; serves until it is killed.
//
// By default the callback API, all but Watch and Publish; --async: Sum alone, on one completion
// queue with one thread.
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <cstring>
#include <memory>

#include "calc.grpc.pb.h"

using bench::Calc;
using bench::SumReply;
using bench::SumRequest;
using grpc::Status;

namespace {

class Counter : public grpc::ServerWriteReactor<SumReply> {
  public:
    explicit Counter(int last) : last_(last) { Next(); }
    void OnWriteDone(bool ok) override
    {
        if (ok) {
            Next();
        } else {
            Finish(Status::CANCELLED);
        }
    }
    void OnDone() override { delete this; }

  private:
    void Next()
    {
        grpc::WriteOptions options;
        reply_.set_sum(++sent_);
        if (sent_ < last_) {
            if (sent_ > 1) {
                options.set_buffer_hint();  // the first one goes with the headers, at once
            }
            StartWrite(&reply_, options);
        } else {
            StartWriteAndFinish(&reply_, options, Status::OK);
        }
    }
    int last_, sent_ = 0;
    SumReply reply_;
};

class Adder : public grpc::ServerReadReactor<SumRequest> {
  public:
    explicit Adder(SumReply *reply) : reply_(reply) { StartRead(&request_); }
    void OnReadDone(bool ok) override
    {
        if (!ok) {
            reply_->set_sum(static_cast<int32_t>(sum_));
            Finish(Status::OK);
            return;
        }
        sum_ += static_cast<uint32_t>(request_.a()) + static_cast<uint32_t>(request_.b());
        StartRead(&request_);
    }
    void OnDone() override { delete this; }

  private:
    SumReply *reply_;
    SumRequest request_;
    uint32_t sum_ = 0;
};

class Echoer : public grpc::ServerBidiReactor<SumRequest, SumReply> {
  public:
    Echoer() { StartRead(&request_); }
    void OnReadDone(bool ok) override
    {
        if (!ok) {
            Finish(Status::OK);
            return;
        }
        reply_.set_sum(request_.a() + request_.b());
        StartWrite(&reply_);
    }
    void OnWriteDone(bool ok) override
    {
        if (ok) {
            StartRead(&request_);
        } else {
            Finish(Status::CANCELLED);
        }
    }
    void OnDone() override { delete this; }

  private:
    SumRequest request_;
    SumReply reply_;
};

class CallbackServer final : public Calc::CallbackService {
    grpc::ServerUnaryReactor *Sum(grpc::CallbackServerContext *context, const SumRequest *request,
                                  SumReply *reply) override
    {
        grpc::ServerUnaryReactor *reactor = context->DefaultReactor();

        reply->set_sum(request->a() + request->b());
        reactor->Finish(Status::OK);
        return reactor;
    }
    grpc::ServerWriteReactor<SumReply> *Count(grpc::CallbackServerContext *,
                                              const SumRequest *request) override
    {
        return new Counter(request->a());
    }
    grpc::ServerReadReactor<SumRequest> *Add(grpc::CallbackServerContext *,
                                             SumReply *reply) override
    {
        return new Adder(reply);
    }
    grpc::ServerBidiReactor<SumRequest, SumReply> *Echo(grpc::CallbackServerContext *) override
    {
        return new Echoer;
    }
};

// One call of Sum, again and again.
class AsyncSum {
  public:
    AsyncSum(Calc::AsyncService *service, grpc::ServerCompletionQueue *cq)
        : service_(service), cq_(cq), responder_(&context_)
    {
        service_->RequestSum(&context_, &request_, &responder_, cq_, cq_, this);
    }
    void Go(bool ok)
    {
        if (!ok || answered_) {
            delete this;
            return;
        }
        new AsyncSum(service_, cq_);
        answered_ = true;
        reply_.set_sum(request_.a() + request_.b());
        responder_.Finish(reply_, Status::OK, this);
    }

  private:
    Calc::AsyncService *service_;
    grpc::ServerCompletionQueue *cq_;
    grpc::ServerContext context_;
    SumRequest request_;
    SumReply reply_;
    grpc::ServerAsyncResponseWriter<SumReply> responder_;
    bool answered_ = false;
};

}  // namespace

int main(int argc, char **argv)
{
    const bool async = argc > 1 && std::strcmp(argv[1], "--async") == 0;
    int port = 0;
    CallbackServer callback;
    Calc::AsyncService service;
    grpc::ServerBuilder builder;
    std::unique_ptr<grpc::ServerCompletionQueue> cq;

    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    if (async) {
        builder.RegisterService(&service);
        cq = builder.AddCompletionQueue();
    } else {
        builder.RegisterService(&callback);
    }
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    if (!server) {
        return 1;
    }
    std::printf("listening %d\n", port);
    std::fflush(stdout);
    if (!async) {
        server->Wait();
        return 0;
    }
    for (int i = 0; i < 16; i++) {
        new AsyncSum(&service, cq.get());
    }
    void *tag;
    bool ok;
    while (cq->Next(&tag, &ok)) {
        static_cast<AsyncSum *>(tag)->Go(ok);
    }
}
