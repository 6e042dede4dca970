#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/aligned_buffer.h"
#include "base/hash.h"
#include "base/plugin_build_id.h"
#include "base/progress.h"
#include "base/testing/expect_error.h"
#include "paceline/error.h"
#include "paceline/version.h"

namespace paceline {
namespace {

TEST(ErrorTest, CarriesCodeAndMessage) {
  const Error error(ErrorCode::kNotFound, "[a] b");
  EXPECT_EQ(error.code(), ErrorCode::kNotFound);
  EXPECT_STREQ(error.what(), "[a] b");
  EXPECT_EQ(error_code_name(ErrorCode::kDeadlineExceeded), "deadline_exceeded");
}

TEST(ErrorTest, EveryErrorIsOneCleanLine) {
  const Error error(ErrorCode::kNotFound, "[\xff\x1b[2J\n] not there.");
  EXPECT_STREQ(error.what(), "[\\xff\\x1b[2J\\n] not there.");
  EXPECT_STREQ(Error(ErrorCode::kNotFound, error.what()).what(), error.what()) << "saying it again changes nothing";
}

TEST(Version, IsThreeNumbersAndTheBuildIdSaysMore) {
  EXPECT_EQ(std::count(version().begin(), version().end(), '.'), 2);
  EXPECT_NE(build_id().find(version()), std::string_view::npos);
  EXPECT_GT(build_id().size(), version().size() + 5);
}

TEST(PluginBuildId, IsTheBuildAndAHashOfTheInterface) {
  const std::string_view id = plugin_build_id();
  ASSERT_TRUE(id.starts_with(build_id()));
  const std::string_view hash = id.substr(id.rfind(' ') + 1);
  EXPECT_EQ(hash.size(), 12U);
  EXPECT_EQ(hash.find_first_not_of("0123456789abcdef"), std::string_view::npos);
}

TEST(HasherTest, MatchesXxh3AndIgnoresHowItIsFed) {
  // XXH3-128 of the empty input with seed 0, from the algorithm's specification.
  EXPECT_EQ(Hasher().hex(), "99aa06d3014798d86001c324468d497f");
  const std::string text(10'000, 'x');
  Hasher whole;
  whole.update(text);
  Hasher pieces;
  for (std::size_t i = 0; i < text.size(); i += 37) {
    pieces.update(std::string_view(text).substr(i, 37));
  }
  EXPECT_EQ(whole.hex(), pieces.hex());
  pieces.update("y");
  EXPECT_NE(whole.hex(), pieces.hex());
}

TEST(AlignedBufferTest, IsAlignedZeroedAndMoves) {
  for (const std::size_t bytes : {1u, 63u, 64u, 4096u, (2u << 20) + 1}) {
    AlignedBuffer buffer(bytes);
    const std::size_t alignment = bytes >= (2u << 20) ? 2u << 20 : 64;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % alignment, 0u);
    EXPECT_EQ(buffer.size(), bytes);
    const auto view = buffer.as<unsigned char>();
    EXPECT_TRUE(std::all_of(view.begin(), view.end(), [](unsigned char byte) { return byte == 0; }));
    view.back() = 7;
    const AlignedBuffer moved = std::move(buffer);
    EXPECT_EQ(moved.as<unsigned char>().back(), 7);
  }
  EXPECT_EQ(AlignedBuffer(0).data(), nullptr);
}

TEST(AlignedBufferTest, SaysWhatItCouldNotGet) {
  expect_error(
      ErrorCode::kResourceExhausted, [] { AlignedBuffer(SIZE_MAX - 5); }, "[memory]");
  expect_error(
      ErrorCode::kResourceExhausted, [] { AlignedBuffer(std::size_t{1} << 60); }, "bytes");
}

TEST(ProgressTest, SilenceIsSilent) {
  testing::internal::CaptureStderr();
  const auto progress = make_silent_progress();
  progress->update(1, 2, "x");
  progress->finish();
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

}  // namespace
}  // namespace paceline
