#include <gloo/allreduce.h>
#include <gloo/math.h>
#include <gloo/rendezvous/context.h>
#include <gloo/rendezvous/file_store.h>
#include <gloo/transport/tcp/device.h>

#include "benchmarks/collectives/rival.h"

namespace troupe {

AllReduce gloo_all_reduce(const std::string& folder, int rank, int size) {
  auto context = std::make_shared<gloo::rendezvous::Context>(rank, size);
  gloo::rendezvous::FileStore store(folder);
  auto device = gloo::transport::tcp::CreateDevice("127.0.0.1");
  context->connectFullMesh(store, device);
  return [context](std::span<float> values) {
    gloo::AllreduceOptions options(context);
    options.setOutput(values.data(), values.size());
    using Sum = void (*)(void*, const void*, const void*, size_t);
    options.setReduceFunction(static_cast<Sum>(&gloo::sum<float>));
    gloo::allreduce(options);
  };
}

}  // namespace troupe
