#include "apps/topology_page.h"

#include <map>
#include <nlohmann/json.hpp>

#include "apps/embedded_file.h"
#include "apps/svg_chart.h"
#include "base/error.h"
#include "storage/inspect/gantt.h"

namespace troupe {
namespace {

using nlohmann::json;

// Edges are the same at most steps, so their names stand once in the page.
class EdgeNames {
 public:
  size_t index_of(const json& edge) {
    auto name = json::array({edge.at("from"), edge.at("to"), edge.at("message")});
    const auto [found, is_new] = indices_.emplace(name.dump(), indices_.size());
    if (is_new) names_.push_back(std::move(name));
    return found->second;
  }
  const json& names() const { return names_; }

 private:
  std::map<std::string, size_t> indices_;
  json names_ = json::array();
};

// As docs/topology.md has it, but for the edges: [index of its name, its numbers ...].
json data_of(const Topology& topology, EdgeNames& names) {
  auto data = json::parse(to_json(topology));
  for (auto& edge : data["edges"])
    edge = json::array({names.index_of(edge), edge["count"], edge["rate"], edge["bytes"],
                        edge["total_ms"], edge["p50_us"], edge["p99_us"]});
  return data;
}

json data_of(const std::string& name, const RunHistory& history) {
  EdgeNames names;
  auto moments = json::array();
  for (const auto& [step, topology, timeline] : history.moments)
    moments.push_back({{"step", step},
                       {"topology", data_of(topology, names)},
                       {"gantt", timeline ? json::parse(gantt_json(*timeline)) : json()}});
  return {{"run", name},
          {"num_steps", history.num_steps},
          {"edges", names.names()},
          {"moments", std::move(moments)}};
}

// JSON that no name in it can end the script element of.
std::string script_safe(const json& data) {
  std::string out;
  for (const char c : data.dump(-1, ' ', true)) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

}  // namespace

std::string topology_page(const std::string& name, const RunHistory& history) {
  const std::map<std::string, std::string> made = {{"run", html_escaped(name)},
                                                   {"data", script_safe(data_of(name, history))}};
  std::string page;
  auto left = embedded_file("topology.html");
  for (size_t begin; (begin = left.find("{{")) != left.npos;) {
    const auto end = left.find("}}", begin);
    CHECK(end != left.npos, begin);
    const std::string mark(left.substr(begin + 2, end - begin - 2));
    page += left.substr(0, begin);
    page += made.contains(mark) ? made.at(mark) : embedded_file(mark);
    left.remove_prefix(end + 2);
  }
  return page.append(left);
}

}  // namespace troupe
