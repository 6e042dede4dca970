#include "export/export_cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <thread>

#include "base/cache_folder.h"
#include "base/file.h"
#include "base/file_stamp.h"
#include "base/json.h"
#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

class ExportCache : public testing::Test {
 protected:
  fs::path cached() {
    return cached_export(file_, [&](const fs::path& staged) {
      ++writes_;
      write_file_atomically(staged, "model");
      write_file_atomically(staged.parent_path() / part_.filename(), "weights");
    });
  }

  /// Other content of the same size, with the old mtime.
  static void change_secretly(const fs::path& file, char byte) {
    const auto before = fs::last_write_time(file);
    std::string content = read_file(file, 100);
    content.back() = byte;
    fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
    std::FILE* stream = std::fopen(file.c_str(), "r+");
    std::fputs(content.c_str(), stream);
    std::fclose(stream);
    fs::last_write_time(file, before);
  }

  std::string content() const { return read_file(file_, 100) + " " + read_file(part_, 100); }

  TemporaryFolder folder_;
  fs::path file_ = folder_ / "sub" / "model.pt";
  fs::path part_ = folder_ / "sub" / "model.pt.data";
  fs::path record_ = folder_ / "sub" / "model.pt.sums.json";
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

TEST_F(ExportCache, AByteChangedIsNoticedWhateverTheTimeOfTheFile) {
  cached();
  for (const fs::path& file : {file_, part_}) {
    change_secretly(file, 'X');
    cached();
    EXPECT_EQ(content(), "model weights") << file;
  }
  EXPECT_EQ(writes_, 3);
}

TEST_F(ExportCache, WhatWasFoundWholeIsNotReadAgainUntilItsStampChanges) {
  cached();
  // As if it had been looked at long after it was written: the stamps of the files as they are are remembered.
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  cached();
  Json record = read_json_file(record_);
  EXPECT_NE(record["stamps"], "");
  record["sums"]["model.pt"] = "not looked at";
  write_file_atomically(record_, record.dump());
  cached();
  EXPECT_EQ(writes_, 1);
  change_secretly(part_, 'X');
  cached();
  EXPECT_EQ(writes_, 2);
  EXPECT_EQ(content(), "model weights");
}

TEST_F(ExportCache, DoesNotTrustARecordThatLacksTheFile) {
  cached();
  const std::string part = hash_file(part_);
  for (const std::string& record :
       {std::string("{}"), std::string("[]"), std::string("{"), std::string("{\"sums\": [], \"stamps\": \"\"}"),
        "{\"sums\": {\"model.pt.data\": \"" + part + "\"}, \"stamps\": \"\"}",
        "{\"sums\": {\"model.pt\": 5, \"model.pt.data\": \"" + part + "\"}, \"stamps\": \"\"}",
        "{\"sums\": {\"model.pt\": \"" + hash_file(file_) + "\", \"../sub/model.pt.data\": \"" + part +
            "\"}, \"stamps\": \"\"}"}) {
    write_file_atomically(record_, record);
    const int before = writes_;
    cached();
    EXPECT_EQ(writes_, before + 1) << record;
  }
}

TEST_F(ExportCache, AFailedWriteIsTriedAgainAndLeavesNothing) {
  EXPECT_THROW(cached_export(file_,
                             [](const fs::path& staged) {
                               write_file_atomically(staged, "half");
                               throw Error(ErrorCode::kInternal, "[x] no");
                             }),
               Error);
  EXPECT_FALSE(fs::exists(file_));
  EXPECT_EQ(cached(), file_);
  EXPECT_EQ(writes_, 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_ / "sub"), fs::directory_iterator()), 4);  // with the lock
}

TEST_F(ExportCache, ALinkInItsPlaceIsReplacedAndNotFollowed) {
  write_file_atomically(folder_ / "victim", "precious");
  cached();
  for (const fs::path& file : {file_, part_, record_}) {
    fs::remove(file);
    fs::create_symlink(folder_ / "victim", file);
    cached();
    EXPECT_EQ(read_file(folder_ / "victim", 100), "precious") << file;
    EXPECT_FALSE(fs::is_symlink(file)) << file;
  }
  EXPECT_EQ(content(), "model weights");
  EXPECT_EQ(writes_, 4);
  fs::path lock = file_;
  lock += ".lock";
  fs::remove(lock);
  fs::remove(file_);
  fs::create_symlink(folder_ / "new", lock);
  EXPECT_THROW(cached(), Error);
  EXPECT_FALSE(fs::exists(folder_ / "new"));
}

TEST_F(ExportCache, AFolderThatOthersMayWriteIsRefused) {
  cached();
  fs::permissions(folder_ / "sub", fs::perms::all);
  expect_error(
      ErrorCode::kInvalidArgument, [&] { cached(); }, "sub", "everybody (mode 0777)", "--cache-dir");
  fs::permissions(folder_ / "sub", fs::perms::all | fs::perms::sticky_bit);
  cached();
  EXPECT_EQ(writes_, 1);
  fs::permissions(part_, fs::perms::all);
  cached();
  EXPECT_EQ(writes_, 2) << "in such a folder anybody may have made it";
}

TEST_F(ExportCache, WhatIsMadeWithAnOpenUmaskCanBeTrusted) {
  const mode_t before = ::umask(0);
  cached();
  cached();
  ::umask(before);
  EXPECT_EQ(writes_, 1);
  EXPECT_EQ(why_untrusted(folder_ / "sub"), "");
  for (const fs::path& file : {file_, part_, record_}) EXPECT_TRUE(is_trusted_file(file)) << file;
}

}  // namespace
}  // namespace paceline
