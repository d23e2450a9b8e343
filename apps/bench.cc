// `troupe bench links`: what this machine's products and links reach, for `troupe plan --hardware`.
#include <CLI/CLI.hpp>
#include <iomanip>
#include <iostream>
#include <memory>

#include "actors/measure.h"
#include "apps/commands.h"

namespace troupe {
namespace {

void print(const char* name, const MeasuredLink& link) {
  std::cout << std::left << std::setw(26) << name << std::right << std::setw(8)
            << link.bandwidth / 1e9 << " GB/s" << std::setw(10) << link.latency * 1e6 << " us\n";
}

void bench_links(bool json) {
  Hardware hardware = measured_compute();
  const auto copy = measured_copy(), shared = measured_shared_memory(), tcp = measured_tcp();
  hardware.host_bandwidth = shared.bandwidth;
  hardware.host_latency = shared.latency;
  hardware.network_bandwidth = tcp.bandwidth;
  hardware.network_latency = tcp.latency;
  if (json) {
    std::cout << to_json(hardware) << '\n';
    return;
  }
  std::cout << std::fixed << std::setprecision(2);
  std::cout << "products                  " << std::setw(8) << hardware.f32_flops / 1e9
            << " GFLOP/s f32, " << hardware.bf16_flops / 1e9 << " bf16\n";
  print("copy in a process", copy);
  print("shared memory, 2 processes", shared);
  print("TCP over loopback", tcp);
}

}  // namespace

void add_bench(CLI::App& app) {
  auto* bench = app.add_subcommand("bench", "Measure what this machine reaches");
  bench->require_subcommand(1);
  auto* links = bench->add_subcommand("links", "Products and links, for troupe plan --hardware");
  auto json = std::make_shared<bool>(false);
  links->add_flag("--json", *json, "As troupe plan --hardware FILE reads it");
  links->callback([json] { bench_links(*json); });
}

}  // namespace troupe
