#include "actors/measure.h"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <functional>
#include <thread>
#include <vector>
#include <zmq.hpp>

#include "actors/cluster/runtime_folder.h"
#include "base/error.h"
#include "base/host_name.h"
#include "devices/cpu/buffer.h"
#include "devices/cpu/shared_memory_group.h"
#include "devices/cpu/thread_pool.h"
#include "kernels/matmul/matmul.h"

namespace troupe {
namespace {

constexpr int kRounds = 7;
constexpr size_t kLarge = 32 << 20, kSmall = 64;

double seconds_of(const std::function<void()>& body) {
  const auto start = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median_seconds(const std::function<void()>& body) {
  body();  // the first touches memory
  std::vector<double> seconds;
  for (int round = 0; round < kRounds; ++round) seconds.push_back(seconds_of(body));
  std::ranges::nth_element(seconds, seconds.begin() + kRounds / 2);
  return seconds[kRounds / 2];
}

double flops(DType dtype, ThreadPool& pool) {
  constexpr int64_t kM = 512, kN = 1024, kK = 1024;
  const auto size = size_of(dtype);
  PackedWeight weight(kN, kK, dtype);
  const std::vector<float> values(kN * kK, 0.5f);
  weight.pack(values.data(), pool);
  Buffer x(kM * kK * size, MemoryClass::scratch), y(kM * kN * size, MemoryClass::scratch);
  x.fill_zero();
  const Tensor input = {x.data(), dtype, {kM, kK}}, output = {y.data(), dtype, {kM, kN}};
  return 2.0 * kM * kN * kK / median_seconds([&] { matmul(input, weight, output, 1, pool); });
}

// Of two messages, a large and a small one: what each byte takes, and what a message takes.
MeasuredLink link_of(const std::function<void(size_t bytes)>& pass) {
  const double large = median_seconds([&] { pass(kLarge); });
  const double small = median_seconds([&] { pass(kSmall); });
  return {static_cast<double>(kLarge) / std::max(large - small, 1e-9), small};
}

void gather(SharedMemoryGroup& group, size_t bytes) {
  static std::vector<std::byte> own(kLarge), all(2 * kLarge);
  const auto size = static_cast<int64_t>(bytes);
  const int64_t borders[] = {0, size, 2 * size};
  group.all_gather(std::span(own).first(bytes), borders, std::span(all).first(2 * bytes));
}

}  // namespace

Hardware measured_compute() {
  Hardware hardware;
  const auto cores = std::max(1u, std::thread::hardware_concurrency());
  ThreadPool pool(static_cast<int>(cores));
  hardware.name = host_name();
  hardware.f32_flops = flops(DType::f32, pool);
  hardware.bf16_flops = flops(DType::bf16, pool);
  hardware.memory_bytes =
      static_cast<double>(sysconf(_SC_PHYS_PAGES)) * static_cast<double>(sysconf(_SC_PAGE_SIZE));
  return hardware;
}

MeasuredLink measured_copy() {
  std::vector<std::byte> from(kLarge), to(kLarge);
  return link_of([&](size_t bytes) { std::memcpy(to.data(), from.data(), bytes); });
}

MeasuredLink measured_shared_memory() {
  const RuntimeFolder folder;
  const auto options = [&](int rank) {
    SharedMemoryGroupOptions options;
    options.group = "bench";
    options.folder = kSharedMemoryFolder;
    options.name = std::filesystem::path(folder.path()).filename().string() + ".bench";
    options.rank = rank;
    options.size = 2;
    return options;
  };
  const int calls = kRounds + 1;
  const pid_t child = fork();
  CHECK(child >= 0, errno);
  if (child == 0) {
    SharedMemoryGroup group(options(1));
    for (size_t bytes : {kLarge, kSmall})
      for (int i = 0; i < calls; ++i) gather(group, bytes);
    _exit(0);
  }
  SharedMemoryGroup group(options(0));
  const auto link = link_of([&](size_t bytes) { gather(group, bytes); });
  waitpid(child, nullptr, 0);
  return link;
}

MeasuredLink measured_tcp() {
  zmq::context_t context(1);
  zmq::socket_t near(context, zmq::socket_type::pair), far(context, zmq::socket_type::pair);
  for (auto* socket : {&near, &far}) {
    socket->set(zmq::sockopt::rcvtimeo, 60000);
    socket->set(zmq::sockopt::linger, 0);
  }
  far.bind("tcp://127.0.0.1:*");
  near.connect(far.get(zmq::sockopt::last_endpoint));
  std::jthread echo([&] {
    zmq::message_t message;
    while (far.recv(message) && message.size() > 1)
      far.send(zmq::message_t(1), zmq::send_flags::none);
  });
  const auto link = link_of([&](size_t bytes) {
    near.send(zmq::message_t(bytes), zmq::send_flags::none);
    zmq::message_t answer;
    const bool heard = near.recv(answer).has_value();
    CHECK(heard, bytes);
  });
  near.send(zmq::message_t(1), zmq::send_flags::none);
  return link;
}

}  // namespace troupe
