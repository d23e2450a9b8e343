// What a kernel is called with.
#pragma once

#include <cstddef>
#include <span>

#include "base/dtype.h"
#include "base/pack.h"
#include "base/shape.h"
#include "kernels/loss/token_loss.h"
#include "kernels/op.h"

namespace troupe {

class ThreadPool;       // devices/cpu/thread_pool.h
class PackedWeight;     // kernels/matmul/packed_weight.h
class QuantizedWeight;  // kernels/matmul/quantized_weight.h
struct CacheView;       // kernels/attention/key_value_cache.h
class BlockLists;       // kernels/attention/block_lists.h
class Communicator;     // devices/communicator.h
class BackgroundCalls;  // devices/cpu/background_calls.h
struct RepeatedRows;    // base/repeated_rows.h

// Row-major memory that somebody else owns.
struct Tensor {
  void* data = nullptr;
  DType dtype = DType::f32;
  Shape shape;
  const PackedWeight* packed = nullptr;        // matmul weights: the layouts that the kernels read
  const QuantizedWeight* quantized = nullptr;  // instead of packed, and of an embedding's data
  // Of a weight's gradient: there is no sum yet, so that the kernel writes instead of adding. Only
  // ops that start_sums see it.
  bool holds_nothing = false;

  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
  int64_t rows() const { return shape[0]; }
  int64_t columns() const { return shape.back(); }
};

// What all kernels of a run of a program share.
struct KernelContext {
  ThreadPool* pool = nullptr;
  const Pack* pack = nullptr;
  const CacheView* cache = nullptr;  // null: the pack holds whole sequences and nothing is kept
  // What attention visits, made once per pack by whoever runs it; null: each call makes its own.
  const BlockLists* block_lists = nullptr;
  Communicator* tensor_group = nullptr;  // the shards that compute this program together
  // Where that group's collectives go on beside other kernels. May be null.
  BackgroundCalls* tensor_calls = nullptr;
  const TokenLoss* token_loss = nullptr;  // where the head's gradient is made with its log-probs
  // Of the pack's rows: what is computed of a row alone is copied where they repeat. May be null.
  const RepeatedRows* repeated_rows = nullptr;
};

struct KernelArgs {
  std::span<const Tensor> inputs;
  std::span<const Tensor> outputs;
  const Attributes& attributes;
  const KernelContext& context;
};

}  // namespace troupe
