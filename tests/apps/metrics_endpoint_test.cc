#include "apps/metrics_endpoint.h"

#include <gtest/gtest.h>

#include "tests/temporary_folder.h"

namespace troupe {
namespace {

TEST(MetricsEndpointTest, AnAddressThatIsTakenIsNamedWithItsKey) {
  EXPECT_EQ(MetricsEndpoint("").url(), "");
  const MetricsEndpoint first("127.0.0.1:0");
  const auto port = first.url().substr(first.url().rfind(':') + 1);
  const auto address = "127.0.0.1:" + port.substr(0, port.find('/'));
  const auto refusal = error_of([&] { const MetricsEndpoint second(address); });
  EXPECT_TRUE(refusal.starts_with("trainer.prometheus_address = " + address +
                                  ": cannot listen there: Address already in use\n"))
      << refusal;
}

}  // namespace
}  // namespace troupe
