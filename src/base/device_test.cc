#include "base/device.h"

#include <gtest/gtest.h>

#include "base/testing/expect_error.h"

namespace paceline {
namespace {

TEST(DeviceNames, AreReadAndWritten) {
  EXPECT_EQ(parse_device("cpu"), Device{});
  EXPECT_EQ(parse_device("cuda:0"), (Device{.cuda = true, .index = 0}));
  EXPECT_EQ(parse_device("cuda:12"), (Device{.cuda = true, .index = 12}));
  for (const char* name : {"cpu", "cuda:0", "cuda:127"}) EXPECT_EQ(device_name(parse_device(name)), name);
}

TEST(DeviceNames, OthersAreRefused) {
  for (const char* name : {"", "CPU", "gpu", "cuda", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda:128", " cpu",
                           "cuda:99999999999999999999", "mps"}) {
    SCOPED_TRACE(name);
    expect_error(
        ErrorCode::kInvalidArgument, [&] { parse_device(name); }, "[device]", name, "cuda:0");
  }
}

}  // namespace
}  // namespace paceline
