// One of AdamW's moments of a weight: in memory, or in a file that it leaves memory for between
// steps.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "devices/cpu/buffer.h"
#include "devices/cpu/file_pages.h"

namespace troupe {

class Moment {
 public:
  Moment() = default;
  // All zero. `folder`: where its file lies; absent: in memory.
  Moment(size_t num_elements, const std::optional<std::string>& folder);
  ~Moment();
  Moment(Moment&& other) noexcept { swap(other); }
  Moment& operator=(Moment&& other) noexcept {
    Moment(std::move(other)).swap(*this);
    return *this;
  }

  bool is_there() const { return !values().empty(); }
  std::span<float> values() const;
  // After each pass over its values.
  void leave_memory() const { file_.leave_memory(); }

 private:
  void swap(Moment& other) noexcept {
    memory_.swap(other.memory_);
    std::swap(file_, other.file_);
  }

  Buffer memory_;
  FilePages file_;
};

}  // namespace troupe
