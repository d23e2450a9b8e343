#include "actors/cluster/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <fstream>

namespace troupe {
namespace {

void use(spdlog::sink_ptr sink) {
  auto logger = std::make_shared<spdlog::logger>("troupe", std::move(sink));
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %l: %v", spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::trace);
  logger->set_error_handler([](const std::string&) {});  // of a full disk whoever needs it tells
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace

void log_to_standard_output() {
  use(std::make_shared<spdlog::sinks::stdout_sink_mt>());
}

void log_to_file(const std::string& path) {
  use(std::make_shared<spdlog::sinks::basic_file_sink_mt>(path));
}

std::vector<std::string> last_lines(const std::string& path, size_t count) {
  constexpr std::streamoff kWindow = 64 << 10;
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) return {};
  std::streamoff size = file.tellg(), start = std::max<std::streamoff>(0, size - kWindow);
  file.seekg(start);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  if (start > 0 && !lines.empty()) lines.erase(lines.begin());  // cut somewhere in the middle
  if (lines.size() > count) lines.erase(lines.begin(), lines.end() - static_cast<ptrdiff_t>(count));
  return lines;
}

}  // namespace troupe
