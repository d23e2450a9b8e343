#include "storage/inspect/chrome_trace.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "storage/journal/node_record.h"

namespace troupe {
namespace {

using nlohmann::json;

class Writer {
 public:
  Writer(std::ostream& out, int64_t origin_ns) : out_(out), origin_ns_(origin_ns) {
    out_ << "{\"traceEvents\":[";
  }
  void finish() { out_ << "\n]}\n"; }

  // Names the tracks of the actors that have none yet.
  void add_tracks(const Timeline& timeline) {
    for (const auto& actor : timeline.actors) {
      const auto [node, node_is_new] =
          nodes_.try_emplace(actor.node, static_cast<int64_t>(nodes_.size()) + 1);
      const auto [track, is_new] = tracks_.try_emplace(
          actor.address, Track{node->second, static_cast<int64_t>(tracks_.size()) + 1});
      if (node_is_new) name("process_name", track->second, actor.node);
      if (is_new) name("thread_name", track->second, actor.address);
    }
  }

  void add(const Timeline& timeline) {
    for (const auto& actor : timeline.actors) {
      const auto& track = tracks_.at(actor.address);
      for (const auto& span : actor.handled) {
        complete(
            track, message_name(span.message), span.start_ns, span.end_ns,
            {{"from", span.from}, {"queued_us", microseconds(span.start_ns - span.arrived_ns)}});
        arrow(track, span);
      }
      for (const auto& work : actor.work)
        complete(track, work.label, work.start_ns, work.end_ns, json::object());
    }
  }

 private:
  struct Track {
    int64_t node, actor;
  };

  static double microseconds(int64_t ns) { return static_cast<double>(ns) / 1e3; }

  void event(json fields) {
    out_ << (num_events_++ == 0 ? "\n" : ",\n")
         << fields.dump(-1, ' ', true, json::error_handler_t::replace);
  }

  void name(const char* what, const Track& track, const std::string& text) {
    event({{"ph", "M"},
           {"name", what},
           {"pid", track.node},
           {"tid", track.actor},
           {"args", {{"name", text}}}});
  }

  void complete(const Track& track, const std::string& label, int64_t start, int64_t end,
                json args) {
    event({{"ph", "X"},
           {"name", label},
           {"pid", track.node},
           {"tid", track.actor},
           {"ts", microseconds(start - origin_ns_)},
           {"dur", microseconds(end - start)},
           {"args", std::move(args)}});
  }

  // From the sender at the moment of arrival to the start of handling.
  void arrow(const Track& to, const TimelineSpan& span) {
    const auto from = tracks_.find(span.from);
    if (from == tracks_.end()) return;
    const auto end_of = [&](const char* phase, const Track& track, int64_t ns) {
      json fields = {{"ph", phase},
                     {"cat", "message"},
                     {"name", message_name(span.message)},
                     {"id", num_arrows_},
                     {"pid", track.node},
                     {"tid", track.actor},
                     {"ts", microseconds(ns - origin_ns_)}};
      if (*phase == 'f') fields["bp"] = "e";
      event(std::move(fields));
    };
    ++num_arrows_;
    end_of("s", from->second, span.arrived_ns);
    end_of("f", to, span.start_ns);
  }

  std::ostream& out_;
  int64_t origin_ns_;
  int64_t num_events_ = 0, num_arrows_ = 0;
  std::map<std::string, int64_t> nodes_;
  std::map<std::string, Track> tracks_;
};

}  // namespace

void write_chrome_trace(std::span<const Timeline> steps, std::ostream& out) {
  Writer writer(out, steps.empty() ? 0 : steps.front().start_ns);
  for (const auto& step : steps) writer.add_tracks(step);
  for (const auto& step : steps) writer.add(step);
  writer.finish();
}

}  // namespace troupe
