// What a plan is costed for: devices, their memory, and the links between them.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace troupe {

struct Hardware {
  std::string name;
  int hosts = 1, devices_per_host = 1;
  // Of one device, as training reaches them.
  double f32_flops = 1e11, bf16_flops = 1e11;  // per second
  double memory_bytes = 1e10;
  // Between two devices: bytes per second each way, and seconds before the first.
  double host_bandwidth = 1e10, host_latency = 5e-6;
  double network_bandwidth = 1e9, network_latency = 5e-5;

  int num_devices() const { return hosts * devices_per_host; }
};

// Published peaks, with half of the FLOPs, which is what well-kept training reaches.
std::span<const Hardware> known_hardware();
Hardware hardware_named(std::string_view name);  // throws, naming those that there are

// JSON with these fields' names, as `troupe bench links --json` writes it.
Hardware hardware_from_json(const std::string& text);
std::string to_json(const Hardware& hardware);

}  // namespace troupe
