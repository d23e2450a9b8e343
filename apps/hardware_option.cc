#include "apps/hardware_option.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "actors/measure.h"
#include "base/error.h"

namespace troupe {

void HardwareOption::add_to(CLI::App& command) {
  command.add_option(
      "--hardware", name,
      "h100-80gb, a100-80gb, or a file of troupe bench links --json; without it this "
      "machine is measured");
  command.add_option("--hosts", hosts, "So many of its hosts")->check(CLI::Range(1, 1 << 16));
  command.add_option("--devices-per-host", devices_per_host, "So many devices on each")
      ->check(CLI::Range(1, 1024));
}

Hardware HardwareOption::get() const try {
  Hardware hardware;
  if (name.empty()) {
    hardware = measured_compute();
  } else if (std::filesystem::exists(name)) {
    std::ifstream file(name);
    hardware = hardware_from_json({std::istreambuf_iterator<char>(file), {}});
  } else {
    hardware = hardware_named(name);
  }
  if (hosts > 0) hardware.hosts = hosts;
  if (devices_per_host > 0) hardware.devices_per_host = devices_per_host;
  return hardware;
} catch (const Error& error) {
  throw UsageError(error.what());
}

}  // namespace troupe
