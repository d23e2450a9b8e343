// A file that several processes or threads of a host map, each on its own, all at first zero. Who
// comes first makes it; once it is said that all have come, its name goes, and the memory goes with
// the last of them, however they end.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace troupe {

class SharedMapping {
 public:
  // `join` looks at the memory while nobody else's `join` does, and returns whether all have come.
  // Throws an Error that names the file where it cannot be made or has another size.
  using Join = std::function<bool(SharedMapping&)>;
  SharedMapping(std::string path, size_t num_bytes, const Join& join);
  ~SharedMapping();
  SharedMapping(const SharedMapping&) = delete;
  SharedMapping& operator=(const SharedMapping&) = delete;

  void* data() const { return data_; }

  // A number that is one holder's until it ends, however it does.
  bool claim(int number) const;
  bool is_claimed(int number) const;  // by another

  void remove_name() const;  // before all have come

 private:
  void map();
  void unmap();

  std::string path_;
  size_t num_bytes_;
  int descriptor_ = -1;
  void* data_ = nullptr;
};

}  // namespace troupe
