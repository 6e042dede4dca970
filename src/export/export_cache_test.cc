#include "export/export_cache.h"

#include <gtest/gtest.h>

#include "base/expect_error.h"
#include "base/file.h"
#include "base/temporary_folder.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

class ExportCache : public testing::Test {
 protected:
  fs::path cached() {
    return cached_export(file_, [&]() -> std::vector<fs::path> {
      ++writes_;
      write_file_atomically(file_, "model");
      write_file_atomically(part_, "weights");
      return {file_, part_};
    });
  }

  TemporaryFolder folder_;
  fs::path file_ = folder_ / "sub" / "model.pt";
  fs::path part_ = folder_ / "sub" / "model.pt.data";
  int writes_ = 0;
};

TEST_F(ExportCache, WritesOnceAndAgainWhenAPartIsNotAsItWas) {
  EXPECT_EQ(cached(), file_);
  EXPECT_EQ(cached(), file_);
  EXPECT_EQ(writes_, 1);
  fs::resize_file(part_, 3);
  cached();
  EXPECT_EQ(writes_, 2);
  fs::remove(file_);
  cached();
  EXPECT_EQ(writes_, 3);
  cached();
  EXPECT_EQ(writes_, 3);
}

TEST_F(ExportCache, DoesNotTrustARecordThatLacksTheFile) {
  cached();
  for (const char* record :
       {"{}", "[]", "{\"model.pt.data\": 7}", "{\"model.pt\": \"5\", \"model.pt.data\": 7}", "{"}) {
    write_file_atomically(folder_ / "sub" / "model.pt.sizes.json", record);
    const int before = writes_;
    cached();
    EXPECT_EQ(writes_, before + 1) << record;
  }
}

TEST_F(ExportCache, AFailedWriteIsTriedAgain) {
  EXPECT_THROW(cached_export(file_, []() -> std::vector<fs::path> { throw Error(ErrorCode::kInternal, "[x] no"); }),
               Error);
  EXPECT_EQ(cached(), file_);
  EXPECT_EQ(writes_, 1);
}

}  // namespace
}  // namespace paceline
