// The head's logits, for a chunk of tokens at a time: what its kernels share.
#pragma once

#include <algorithm>
#include <cstring>
#include <span>
#include <vector>

#include "devices/cpu/buffer.h"
#include "kernels/kernel_args.h"
#include "kernels/loss/head_log_prob.h"
#include "kernels/matmul/matmul.h"

namespace troupe {

inline constexpr int64_t kCostOfLogit = 16;  // against a plain addition

// Of one thread, kept for its next call.
struct HeadScratch {
  std::vector<int32_t> rows;  // tokens that take part
  Buffer hidden, d_hidden;    // of these
  Buffer logits, d_logits;

  // One of the buffers, made large enough for `num_bytes`.
  static void* at_least(Buffer& buffer, int64_t num_bytes) {
    buffer.at_least(static_cast<size_t>(num_bytes));
    return buffer.data();
  }
};

HeadScratch& head_scratch();

// The head of one call: hidden states in, logits of a chunk of chosen tokens out.
struct HeadProduct {
  const Tensor& hidden;
  const PackedWeight& weight;
  ThreadPool& pool;

  explicit HeadProduct(const KernelArgs& args);
  int64_t row_bytes() const {
    return hidden.columns() * static_cast<int64_t>(size_of(hidden.dtype));
  }
  // [count, hidden_size] in one of the scratch buffers.
  Tensor rows_tensor(Buffer& buffer, int64_t count) const;
  Tensor gather(std::span<const int32_t> rows) const;
  Tensor logits_of(const Tensor& chosen) const;
};

// body(rows) for chunk after chunk of the tokens that `takes_part`.
template <class TakesPart, class Body>
void for_head_chunks(int64_t tokens, int64_t vocab_size, TakesPart&& takes_part, Body&& body) {
  auto& rows = head_scratch().rows;
  rows.clear();
  for (int64_t t = 0; t < tokens; ++t)
    if (takes_part(t)) rows.push_back(static_cast<int32_t>(t));
  const auto size = static_cast<size_t>(head_chunk_rows(vocab_size));
  for (size_t begin = 0; begin < rows.size(); begin += size)
    body(std::span(rows).subspan(begin, std::min(size, rows.size() - begin)));
}

// The vocabulary, of which a head's weight here may be one part of several: attributes say which.
struct HeadVocabulary {
  int64_t size = 0, first = 0, count = 0;  // of all, and the ids that are here
  int num_slices = 1;                      // of those here

  HeadVocabulary(const KernelArgs& args, int64_t rows_here);
  bool holds(int32_t id) const { return id >= first && id < first + count; }
};

// Throws where a target is neither an id nor -1. Returns whether the token has one.
bool has_target(const int32_t* targets, int64_t token, int64_t vocab_size);

// Of each of a pack's tokens; zero where there is no target.
struct HeadReadings {
  float *log_prob, *entropy, *log_sum_exp;
};

// Reads the tokens `rows` off their logits.
void read_head_rows(const KernelArgs& args, const Tensor& logits, std::span<const int32_t> rows,
                    const HeadReadings& readings);

}  // namespace troupe
