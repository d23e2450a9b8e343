#include "apps/report_page.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "apps/embedded_file.h"
#include "apps/run_folder.h"
#include "apps/svg_chart.h"
#include "base/error.h"
#include "storage/checkpoint/checkpoint.h"

namespace troupe {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr size_t kSamples = 12;

// What is shown where a run has it, in this order.
const std::vector<std::pair<const char*, const char*>> kCurves = {
    {"ppo", "critic/score/mean"}, {"ppo", "actor/reward_kl_penalty"},
    {"ppo", "actor/kl_loss"},     {"ppo", "actor/entropy"},
    {"ppo", "actor/pg_clipfrac"}, {"ppo", "actor/grad_norm"},
    {"ppo", "critic/vf_loss"},    {"ppo", "response_length/mean"},
    {"ppo", "eval/accuracy"},     {"ppo", "training/rollout_log_probs_diff_max"},
    {"ppo", "timing_s/step"},     {"sft", "train/loss"},
    {"reward", "train/loss"},     {"reward", "train/accuracy"}};

std::vector<json> read_lines(const fs::path& path) {
  std::vector<json> lines;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    auto value = json::parse(line, nullptr, false);
    if (value.is_object()) lines.push_back(std::move(value));
  }
  return lines;
}

std::string curves(const std::vector<json>& metrics) {
  std::string html;
  for (const auto& [phase, name] : kCurves) {
    std::vector<ChartPoint> points;
    for (const auto& line : metrics)
      if (line.value("phase", "") == phase && line.contains(name) && line[name].is_number())
        points.push_back({line.value("training/global_step", 0.0), line[name].get<double>()});
    html += line_chart(std::string(phase) + ": " + name, points);
  }
  return html;
}

void add(std::vector<ChartShare>& shares, const std::string& name, double seconds) {
  const auto found = std::ranges::find(shares, name, &ChartShare::name);
  if (found == shares.end())
    shares.push_back({name, seconds});
  else
    found->value += seconds;
}

std::string time_shares(const std::vector<json>& metrics) {
  std::vector<ChartShare> phases, parts;
  for (const auto& line : metrics) {
    add(phases, line.value("phase", "?"), line.value("timing_s/step", 0.0));
    if (line.value("phase", "") != "ppo") continue;
    for (const char* part :
         {"gen", "reward", "ref", "train", "update_weights", "testing", "save_checkpoint"})
      add(parts, part, line.value(std::string("timing_s/") + part, 0.0));
  }
  return share_bar("Seconds in the steps of each phase", phases) +
         share_bar("Seconds of PPO's steps (ref beside the critic's values)", parts);
}

std::string samples(const fs::path& run_dir) {
  std::vector<fs::path> files;
  if (fs::is_directory(run_dir / "eval"))
    for (const auto& entry : fs::directory_iterator(run_dir / "eval"))
      if (entry.path().filename().string().starts_with("step-")) files.push_back(entry.path());
  if (files.empty()) return "";
  std::sort(files.begin(), files.end());
  const auto before = read_lines(files.front()), after = read_lines(files.back());
  const auto text = [](const json& line, const char* key) {
    return html_escaped(line.value(key, ""));
  };
  std::string html =
      "<h2>Samples of held-out prompts</h2><div class='scroll'><table><tr><th>prompt"
      "</th><th>answer</th><th>" +
      files.front().stem().string() + "</th><th>" + files.back().stem().string() + "</th></tr>";
  for (size_t i = 0; i < std::min({kSamples, before.size(), after.size()}); ++i)
    html += "<tr><td>" + text(after[i], "prompt") + "</td><td>" + text(after[i], "answer") +
            "</td><td>" + text(before[i], "response") + "</td><td>" + text(after[i], "response") +
            "</td></tr>";
  return html + "</table></div>";
}

std::string result(const std::string& run_dir) {
  const auto last = latest_checkpoint(run_dir);
  if (!last) return "<p>No checkpoint yet.</p>";
  return "<p>Checkpoint <code>" + html_escaped(*last) + "</code><br>SHA-256 of the policy <code>" +
         model_hash(*last) + "</code></p>";
}

std::string text_of(const fs::path& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

}  // namespace

std::string report_page(const std::string& run_dir) {
  check_run_folder(run_dir);
  const auto metrics = read_lines(run_dir + "/metrics.jsonl");
  if (metrics.empty()) throw UsageError(run_dir + " has no metrics yet");
  const auto name = html_escaped(fs::path(run_dir).lexically_normal().string());
  return "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
         "<meta name='viewport' content='width=device-width,initial-scale=1'><title>troupe: " +
         name + "</title><style>" + std::string(embedded_file("report.css")) +
         "</style></head><body><h1>" + name + "</h1>" + result(run_dir) +
         "<h2>Curves</h2><div class='charts'>" + curves(metrics) +
         "</div><h2>Where the time went</h2>" + time_shares(metrics) + samples(run_dir) +
         "<h2>Config</h2><pre>" + html_escaped(text_of(run_dir + "/config.yaml")) +
         "</pre></body></html>\n";
}

}  // namespace troupe
