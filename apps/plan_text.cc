#include "apps/plan_text.h"

#include <algorithm>
#include <sstream>

namespace troupe {

std::string plan_text(const ClusterPlan& plan) {
  std::ostringstream out;
  const bool is_alone = plan.nodes.size() == 1 && plan.nodes[0].name == kLauncherNode;
  out << "# would start " << plan.actors.size() << " actors in "
      << (is_alone ? "this process" : std::to_string(plan.nodes.size()) + " node processes")
      << ":\n";
  size_t width = 0;
  for (const auto& actor : plan.actors) width = std::max(width, actor.address.size());
  for (const auto& node : plan.nodes) {
    out << "#   " << node.name << '\n';
    for (const auto& actor : plan.actors_of(node.name))
      out << "#     " << actor.address << std::string(width + 2 - actor.address.size(), ' ')
          << actor.kind << '\n';
  }
  return out.str();
}

}  // namespace troupe
