// A tensor between actors: passed by reference inside a process, by Channel between processes.
#pragma once

#include <caf/all.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/dtype.h"

namespace troupe {

// Bytes and a share in whatever holds them: a buffer, a ZeroMQ message, a shared memory slot. The
// bytes are immutable from the moment a TensorRef to them exists.
struct TensorRef {
  std::shared_ptr<const std::byte> data;
  size_t num_bytes = 0;
  DType dtype = DType::f32;
  std::vector<int64_t> shape;

  std::span<const std::byte> bytes() const { return {data.get(), num_bytes}; }

  // The elements; T must have the size of `dtype`'s elements.
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data.get()), num_bytes / sizeof(T)};
  }
};

// Bytes that a tensor of this type and shape takes.
size_t num_bytes_of(DType dtype, std::span<const int64_t> shape);

// Takes over a buffer. Throws if its size is not that of the shape.
template <class T>
TensorRef make_tensor_ref(std::vector<T> values, DType dtype, std::vector<int64_t> shape);

struct TensorMessage {
  std::string stream;
  int64_t sequence = 0;
  TensorRef tensor;
  std::string sender = {};  // its address in the plan: CAF knows none of a tensor
};

}  // namespace troupe

// Not serialisable, and not in any type id block: an attempt to send it to another process through
// CAF prints the type's name to stderr and the receiver answers unexpected_message. Throwing from
// an inspect() instead would kill CAF's broker, and with it all of the process's connections.
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::TensorMessage)

#include "base/error.h"

namespace troupe {

// What an actor that takes tensors accepts, beside its other messages.
using TensorInlet = caf::typed_actor<caf::reacts_to<TensorMessage>>;

template <class T>
TensorRef make_tensor_ref(std::vector<T> values, DType dtype, std::vector<int64_t> shape) {
  auto num_bytes = values.size() * sizeof(T);
  auto expected_bytes = num_bytes_of(dtype, shape);
  CHECK(num_bytes == expected_bytes, num_bytes, expected_bytes);
  auto owner = std::make_shared<const std::vector<T>>(std::move(values));
  return {{owner, reinterpret_cast<const std::byte*>(owner->data())},
          num_bytes,
          dtype,
          std::move(shape)};
}

}  // namespace troupe
