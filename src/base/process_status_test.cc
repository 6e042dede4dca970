#include "base/process_status.h"

#include <gtest/gtest.h>

namespace paceline {
namespace {

TEST(ProcessStatus, FieldsAreInBytes) {
  const int64_t resident = status_bytes("VmRSS");
  EXPECT_GT(resident, 1 << 20);
  EXPECT_GE(status_bytes("VmHWM"), status_bytes("RssAnon"));
  EXPECT_EQ(resident % 1024, 0);
}

TEST(ProcessStatus, AnUnknownFieldIsNothing) {
  EXPECT_EQ(status_bytes("Vm"), 0);
  EXPECT_EQ(status_bytes("none"), 0);
}

}  // namespace
}  // namespace paceline
