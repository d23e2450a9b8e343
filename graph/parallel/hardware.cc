#include "graph/parallel/hardware.h"

#include <nlohmann/json.hpp>

#include "base/error.h"

namespace troupe {
namespace {

using Json = nlohmann::json;

constexpr double kAchieved = 0.5;

const Hardware kKnown[] = {
    {.name = "h100-80gb",
     .devices_per_host = 8,
     .f32_flops = kAchieved * 67e12,
     .bf16_flops = kAchieved * 989e12,
     .memory_bytes = 80e9,
     .host_bandwidth = 450e9,
     .host_latency = 5e-6,
     .network_bandwidth = 50e9,
     .network_latency = 1e-5},
    {.name = "a100-80gb",
     .devices_per_host = 8,
     .f32_flops = kAchieved * 19.5e12,
     .bf16_flops = kAchieved * 312e12,
     .memory_bytes = 80e9,
     .host_bandwidth = 300e9,
     .host_latency = 5e-6,
     .network_bandwidth = 25e9,
     .network_latency = 1e-5},
};

}  // namespace

std::span<const Hardware> known_hardware() {
  return kKnown;
}

Hardware hardware_named(std::string_view name) {
  std::string known;
  for (const auto& hardware : kKnown) {
    if (hardware.name == name) return hardware;
    known += (known.empty() ? "" : ", ") + hardware.name;
  }
  throw Error("no hardware \"" + std::string(name) + "\": there are " + known +
              ", and files that troupe bench links --json writes");
}

Hardware hardware_from_json(const std::string& text) try {
  const auto json = Json::parse(text);
  Hardware hardware;
  hardware.name = json.at("name");
  hardware.hosts = json.at("hosts");
  hardware.devices_per_host = json.at("devices_per_host");
  hardware.f32_flops = json.at("f32_flops");
  hardware.bf16_flops = json.at("bf16_flops");
  hardware.memory_bytes = json.at("memory_bytes");
  hardware.host_bandwidth = json.at("host_bandwidth");
  hardware.host_latency = json.at("host_latency");
  hardware.network_bandwidth = json.at("network_bandwidth");
  hardware.network_latency = json.at("network_latency");
  return hardware;
} catch (const Json::exception& error) {
  throw Error(std::string("malformed description of hardware: ") + error.what());
}

std::string to_json(const Hardware& hardware) {
  return Json{{"name", hardware.name},
              {"hosts", hardware.hosts},
              {"devices_per_host", hardware.devices_per_host},
              {"f32_flops", hardware.f32_flops},
              {"bf16_flops", hardware.bf16_flops},
              {"memory_bytes", hardware.memory_bytes},
              {"host_bandwidth", hardware.host_bandwidth},
              {"host_latency", hardware.host_latency},
              {"network_bandwidth", hardware.network_bandwidth},
              {"network_latency", hardware.network_latency}}
      .dump(2);
}

}  // namespace troupe
