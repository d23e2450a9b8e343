#include "kernels/attention/key_value_cache.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.h"
#include "devices/cpu/memory_use.h"
#include "devices/cpu/pages.h"

namespace troupe {

KeyValueCache::KeyValueCache(int num_layers, int num_key_value_heads, int head_dim, DType dtype,
                             int32_t num_blocks, KeyValueFormat format)
    : num_layers_(num_layers),
      num_key_value_heads_(num_key_value_heads),
      layout_{head_dim},
      dtype_(dtype),
      format_(format) {
  CHECK(num_layers > 0 && num_key_value_heads > 0 && num_blocks >= 0, num_layers,
        num_key_value_heads, num_blocks);
  CHECK(head_dim >= 8 && head_dim <= 256 && head_dim % 2 == 0, head_dim);
  CHECK(dtype == DType::f32 || dtype == DType::bf16, name_of(dtype));
  holders_.resize(num_blocks);
  for (int32_t block = num_blocks; block > 0; --block) free_.push_back(block - 1);
  // Pages are zero, and cost nothing until they are written.
  memory_ = static_cast<std::byte*>(map_pages(mapped_size()));
  CHECK(memory_, num_blocks, bytes_per_block());
}

KeyValueCache::~KeyValueCache() {
  unmap_pages(memory_, mapped_size());
  count_memory(MemoryClass::kv_cache, -num_touched_ * static_cast<int64_t>(bytes_per_block()));
}

size_t KeyValueCache::mapped_size() const {
  return round_up(std::max<size_t>(holders_.size() * bytes_per_block(), 1), kHugePage);
}

std::optional<int32_t> KeyValueCache::allocate() {
  if (free_.empty()) return std::nullopt;
  const int32_t block = free_.back();
  free_.pop_back();
  holders_[block] = 1;
  const int32_t touched = std::max(num_touched_, block + 1);
  const auto bytes = static_cast<int64_t>(bytes_per_block());
  count_memory(MemoryClass::kv_cache, (touched - std::exchange(num_touched_, touched)) * bytes);
  return block;
}

void KeyValueCache::retain(int32_t block) {
  CHECK(num_holders(block) > 0, block);
  ++holders_[block];
}

void KeyValueCache::release(int32_t block) {
  CHECK(num_holders(block) > 0, block);
  if (--holders_[block] == 0) free_.push_back(block);
}

void KeyValueCache::copy_block(int32_t from, int32_t to) {
  auto* blocks = static_cast<std::byte*>(data(0));
  std::memcpy(blocks + checked(to) * bytes_per_block(), blocks + checked(from) * bytes_per_block(),
              bytes_per_block());
}

int32_t KeyValueCache::num_holders(int32_t block) const {
  return holders_[checked(block)];
}

size_t KeyValueCache::bytes_per_head() const {
  if (format_ == KeyValueFormat::exact) return size_of(dtype_) * layout_.size();
  return 2 * kKeyBlock * (sizeof(float) + layout_.head_dim);  // a scale and numbers
}

size_t KeyValueCache::bytes_per_block() const {
  return bytes_per_head() * num_key_value_heads_ * num_layers_;
}

void* KeyValueCache::data(int layer) const {
  CHECK(layer >= 0 && layer < num_layers_, layer, num_layers_);
  return memory_ + layer * bytes_per_head() * num_key_value_heads_;
}

int32_t KeyValueCache::checked(int32_t block) const {
  CHECK(block >= 0 && block < num_blocks(), block, num_blocks());
  return block;
}

}  // namespace troupe
