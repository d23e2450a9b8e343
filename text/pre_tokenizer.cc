#include "text/pre_tokenizer.h"

#include <algorithm>

#include "base/error.h"

namespace troupe {

const char* const kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

namespace {

using Kind = PreTokenizerStep::Kind;

struct Segment {
  size_t begin = 0;
  size_t end = 0;
  bool is_match = false;
};

// Matches and the gaps between them, in order, covering all of the text.
class Segments {
 public:
  explicit Segments(bool invert) : invert_(invert) {}
  void match(size_t begin, size_t end) {
    gap(begin);
    segments_.push_back({begin, end, !invert_});
    done_ = end;
  }
  std::vector<Segment> finish(size_t size) {
    gap(size);
    return std::move(segments_);
  }

 private:
  void gap(size_t end) {
    if (done_ < end) segments_.push_back({done_, end, invert_});
  }
  bool invert_;
  size_t done_ = 0;
  std::vector<Segment> segments_;
};

std::vector<Segment> find_string(std::string_view text, const PreTokenizerStep& step) {
  Segments segments(step.invert);
  for (size_t at = text.find(step.pattern); at != text.npos;) {
    segments.match(at, at + step.pattern.size());
    at = text.find(step.pattern, at + step.pattern.size());
  }
  return segments.finish(text.size());
}

std::vector<Segment> find_regex(std::string_view text, const PreTokenizerStep& step,
                                const Regex& regex) {
  Segments segments(step.invert);
  regex.for_each_match(text, [&](size_t begin, size_t end) { segments.match(begin, end); });
  return segments.finish(text.size());
}

// Joins neighbours where `joins(left, right)`; a joined segment counts as a match where its right
// end does.
template <class Joins>
std::vector<Segment> join(const std::vector<Segment>& segments, Joins joins) {
  std::vector<Segment> result;
  const Segment* previous = nullptr;
  for (const Segment& segment : segments) {
    if (previous != nullptr && joins(*previous, segment)) {
      result.back().end = segment.end;
    } else {
      result.push_back(segment);
    }
    previous = &segment;
  }
  return result;
}

// A run of matches gives each but one its own piece, as HF's fold does.
std::vector<Segment> apply_behavior(std::vector<Segment> segments, SplitBehavior behavior) {
  switch (behavior) {
    case SplitBehavior::isolated:
      return segments;
    case SplitBehavior::removed:
      std::erase_if(segments, [](const Segment& s) { return s.is_match; });
      return segments;
    case SplitBehavior::contiguous:
      return join(segments, [](auto& a, auto& b) { return a.is_match == b.is_match; });
    case SplitBehavior::merged_with_previous:
      return join(segments, [](auto& a, auto& b) { return !a.is_match && b.is_match; });
    case SplitBehavior::merged_with_next:
      return join(segments, [](auto& a, auto& b) { return a.is_match && !b.is_match; });
  }
  return segments;
}

}  // namespace

PreTokenizer::PreTokenizer(const std::vector<PreTokenizerStep>& steps) {
  for (const PreTokenizerStep& spec : steps) {
    Step step{spec, {}};
    if (spec.kind == Kind::digits) step.regex.emplace_back(R"(\p{N})");
    if (spec.kind == Kind::gpt2) step.regex.emplace_back(kGpt2Pattern);
    if (spec.kind == Kind::split_regex) step.regex.emplace_back(spec.pattern);
    if (spec.kind == Kind::split_string && spec.pattern.empty())
      throw Error("tokenizer: the pre-tokenizer splits by an empty string");
    steps_.push_back(std::move(step));
  }
}

std::vector<std::string_view> PreTokenizer::split(std::string_view text,
                                                  std::deque<std::string>& storage) const {
  std::vector<std::string_view> pieces;
  if (!text.empty()) pieces.push_back(text);
  for (const Step& step : steps_) {
    std::vector<std::string_view> next;
    for (std::string_view piece : pieces) {
      if (step.spec.kind == Kind::prefix_space) {
        next.push_back(piece.front() == ' ' ? piece
                                            : storage.emplace_back(" " + std::string(piece)));
        continue;
      }
      auto found = step.regex.empty() ? find_string(piece, step.spec)
                                      : find_regex(piece, step.spec, step.regex.front());
      for (const Segment& s : apply_behavior(std::move(found), step.spec.behavior))
        if (s.begin < s.end) next.push_back(piece.substr(s.begin, s.end - s.begin));
    }
    pieces = std::move(next);
  }
  return pieces;
}

}  // namespace troupe
