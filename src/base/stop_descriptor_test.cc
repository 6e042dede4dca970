#include "base/stop_descriptor.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <thread>

namespace paceline {
namespace {

class StopDescriptorTest : public testing::Test {
 protected:
  StopDescriptorTest() { EXPECT_EQ(::pipe(ends_), 0); }
  ~StopDescriptorTest() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  int ends_[2] = {-1, -1};
};

TEST_F(StopDescriptorTest, ByteOrTimeWhicheverComesFirst) {
  const StopDescriptor nobody{std::stop_token()};
  EXPECT_LT(nobody.number(), 0);
  EXPECT_EQ(wait_readable(ends_[0], nobody, 0.01), Wait::kTimeout);
  ASSERT_EQ(::write(ends_[1], "x", 1), 1);
  EXPECT_EQ(wait_readable(ends_[0], nobody, 0.01), Wait::kReadable);
  EXPECT_EQ(wait_readable(ends_[0], nobody), Wait::kReadable);
}

TEST_F(StopDescriptorTest, AStopEndsTheWaitOfEverybodyAndStays) {
  std::stop_source source;
  const StopDescriptor first{source.get_token()};
  const StopDescriptor second{source.get_token()};
  EXPECT_EQ(wait_readable(ends_[0], first, 0.01), Wait::kTimeout);
  std::thread waiter([&] { EXPECT_EQ(wait_readable(ends_[0], first), Wait::kStopped); });
  source.request_stop();
  waiter.join();
  ASSERT_EQ(::write(ends_[1], "x", 1), 1);
  EXPECT_EQ(wait_readable(ends_[0], first), Wait::kStopped) << "a stop comes first";
  EXPECT_EQ(wait_readable(ends_[0], second), Wait::kStopped);
  EXPECT_EQ(wait_readable(ends_[0], StopDescriptor{source.get_token()}), Wait::kStopped) << "asked for before";
}

}  // namespace
}  // namespace paceline
