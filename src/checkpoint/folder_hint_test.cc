#include "checkpoint/folder_hint.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>

#include "base/testing/expect_error.h"
#include "base/testing/temporary_folder.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/testing/tiny_checkpoint.h"

namespace paceline {
namespace {

namespace fs = std::filesystem;

class FolderHintTest : public testing::Test {
 protected:
  const fs::path& dir() const { return folder_.path(); }
  void put(const fs::path& name, const std::string& content = "{}") {
    fs::create_directories((dir() / name).parent_path());
    write_file_atomically(dir() / name, content);
  }
  template <class... Parts>
  void refused(ErrorCode code, const Parts&... parts) {
    expect_error(
        code, [&] { Checkpoint::open(dir()); }, dir().string(), parts...);
  }

  TemporaryFolder folder_;
};

TEST_F(FolderHintTest, ATrainingRunIsAnsweredWithItsLastCheckpoint) {
  put("checkpoint-500/config.json");
  put("checkpoint-x/other.json");
  refused(ErrorCode::kNotFound, "no config.json", "There is a model in checkpoint-500: name " + dir().string());
  put("checkpoint-1000/adapter_config.json");
  put("best/config.json");
  refused(ErrorCode::kNotFound, "There is a model in checkpoint-1000 (of 3 such folders): name");
}

TEST_F(FolderHintTest, AReportIsAnsweredWithItsPlan) {
  put("plan.json");
  refused(ErrorCode::kNotFound, "There is a plan.json, as bench writes it: classify takes " + dir().string());
}

TEST_F(FolderHintTest, OtherLibrariesAreNamed) {
  put("modules.json");
  put("1_Pooling/config.json");
  put("0_Transformer/config.json");
  refused(ErrorCode::kNotFound, "sentence-transformers", "0_Transformer");
  fs::remove_all(dir() / "1_Pooling");
  fs::remove_all(dir() / "0_Transformer");
  put("adapter_model.safetensors");
  refused(ErrorCode::kNotFound, "adapter_config.json: fetch that file too");
  fs::remove(dir() / "adapter_model.safetensors");
  for (const auto& [file, what] : {std::pair("model.Q4_0.gguf", "a GGUF file"),
                                   {"tf_model.h5", "TensorFlow weights"},
                                   {"flax_model.msgpack", "Flax weights"},
                                   {"bert_model.ckpt.index", "a checkpoint of TensorFlow"},
                                   {"model.onnx", "an ONNX export"}}) {
    put(file);
    refused(ErrorCode::kNotFound, "no config.json", file, what);
    put("config.json", tiny_config().dump());
    refused(ErrorCode::kNotFound, "no weights", file, what);
    fs::remove(dir() / "config.json");
    fs::remove(dir() / file);
  }
  put("config.json", tiny_config().dump());
  put("training_args.bin");
  put("best.pt");
  refused(ErrorCode::kNotFound, "There is best.pt", "--weights");
}

TEST_F(FolderHintTest, WhatIsNoFileIsNamedAndNotWaitedFor) {
  write_tiny_checkpoint(dir());
  const auto replaced = [&](const char* name, auto&& make, ErrorCode code, const std::string& part) {
    fs::rename(dir() / name, dir() / "kept");
    make((dir() / name).string());
    refused(code, name, part);
    fs::remove_all(dir() / name);
    fs::rename(dir() / "kept", dir() / name);
  };
  for (const char* name : {"config.json", "model.safetensors"}) {
    SCOPED_TRACE(name);
    replaced(
        name, [](const std::string& path) { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); }, ErrorCode::kUnsupported,
        "it is a named pipe");
    replaced(
        name, [](const std::string& path) { fs::create_directory(path); }, ErrorCode::kInvalidArgument, "directory");
    replaced(
        name, [](const std::string& path) { fs::create_symlink("/dev/zero", path); }, ErrorCode::kUnsupported,
        "it is a device");
    replaced(
        name, [](const std::string& path) { fs::create_symlink("nowhere", path); }, ErrorCode::kNotFound,
        "a link to a file that is not there");
    replaced(
        name, [&](const std::string& path) { fs::create_symlink(name, path); }, ErrorCode::kInvalidArgument,
        "opening failed");
    replaced(
        name,
        [](const std::string& path) {
          sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
          ASSERT_LT(path.size(), sizeof(address.sun_path));
          path.copy(address.sun_path, path.size());
          const int socket = ::socket(AF_UNIX, SOCK_STREAM, 0);
          ASSERT_EQ(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
          ::close(socket);
        },
        ErrorCode::kUnsupported, "a socket");
  }
  EXPECT_NO_THROW(Checkpoint::open(dir()));
}

}  // namespace
}  // namespace paceline
