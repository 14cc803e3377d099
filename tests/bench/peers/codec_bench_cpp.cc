/*
 * bench/peers/codec_bench_cpp.cc: what C++ protobuf needs for the messages of codec_bench.
 *
 *     codec_bench_cpp CODEC_BENCH      the path of the C program, which knows the bytes
 *
 * Parsed into an arena and into plain memory, encoded into memory that is there; best of five.
 */
#include "codec_bench.pb.h"

#include <google/protobuf/arena.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace
{

std::string bytes_of(const std::string &program, const char *name)
{
    std::string bytes;
    char block[4096];
    FILE *pipe = popen((program + " --bytes " + name).c_str(), "r");

    for (size_t n; pipe != nullptr && (n = fread(block, 1, sizeof(block), pipe)) > 0;) {
        bytes.append(block, n);
    }
    if (pipe == nullptr || pclose(pipe) != 0 || bytes.empty()) {
        fprintf(stderr, "codec_bench_cpp: no bytes from %s\n", program.c_str());
        exit(2);
    }
    return bytes;
}

template <typename F> double best_nanos(F once)
{
    double best = 1e18;

    for (int round = 0; round < 5; round++) {
        auto start = std::chrono::steady_clock::now();
        const int n = 20000;

        for (int i = 0; i < n; i++) {
            once();
        }
        std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
        best = std::min(best, took.count() / n);
    }
    return best;
}

void must(bool ok)
{
    if (!ok) {
        fprintf(stderr, "codec_bench_cpp: protobuf refused\n");
        exit(2);
    }
}

template <typename M> void report(const std::string &program, const char *name)
{
    std::string bytes = bytes_of(program, name);
    std::string out(bytes.size(), '\0');
    alignas(16) static char first[1024]; /* as our arena has one */
    M kept;

    must(kept.ParseFromString(bytes));
    double arena = best_nanos([&] {
        google::protobuf::ArenaOptions options;

        options.initial_block = first;
        options.initial_block_size = sizeof(first);
        google::protobuf::Arena a(options);
        must(google::protobuf::Arena::CreateMessage<M>(&a)->ParseFromString(bytes));
    });
    double heap = best_nanos([&] {
        M m;

        must(m.ParseFromString(bytes));
    });
    double encode = best_nanos([&] { must(kept.SerializeToArray(&out[0], (int)out.size())); });

    printf("%-9s %6zu  %8.0f %8.0f          %8.0f\n", name, bytes.size(), arena, heap, encode);
}

} // namespace

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: codec_bench_cpp CODEC_BENCH\n");
        return 2;
    }
    printf("C++ protobuf %d, ns     decode: arena  heap             encode\n", GOOGLE_PROTOBUF_VERSION);
    report<codec_bench::Flat>(argv[1], "flat");
    report<codec_bench::Nested>(argv[1], "nested");
    report<codec_bench::Repeated>(argv[1], "repeated");
    return 0;
}
