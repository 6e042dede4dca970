#include "bench/process_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <thread>

#include "bench/frame_channel.h"
#include "bench/worker_protocol.h"
#include "bench/worker_server.h"
#include "paceline/error.h"

namespace paceline {
namespace {

using testing::HasSubstr;

/// A worker that is a line of shell; its descriptor 3 is the socket.
std::unique_ptr<Worker> shell_worker(const std::string& script, double patience = 20,
                                     const std::stop_token& stop = {}) {
  return make_process_workers({.command = {.executable = "/bin/sh", .arguments = {"-c", script}},
                               .stop = stop,
                               .patience_seconds = patience})("test fp32");
}

/// What asking a worker for its memory throws.
Error failure_of(Worker& worker) {
  try {
    worker.peak_memory_bytes();
  } catch (const Error& error) {
    return error;
  }
  return {ErrorCode::kInvalidArgument, "nothing was thrown"};
}

TEST(ProcessWorker, AKilledProcessIsNamedWithItsSignal) {
  const auto worker = shell_worker("kill -9 $$");
  EXPECT_THAT(failure_of(*worker).what(), HasSubstr("[worker test fp32] the process was killed by signal 9"));
}

TEST(ProcessWorker, AnExitIsToldWithTheLastWords) {
  const auto worker = shell_worker("echo first; printf 'out of luck\\033\\n' >&2; exit 3");
  const Error error = failure_of(*worker);
  EXPECT_THAT(error.what(), HasSubstr("exited with 3"));
  EXPECT_THAT(error.what(), HasSubstr("Its last message: out of luck?"));
  EXPECT_THAT(error.what(), testing::Not(HasSubstr("first")));
}

TEST(ProcessWorker, AHangIsEnded) {
  const auto worker = shell_worker("exec sleep 100", 0.2);
  // kPatience times the second that the question may take is too long for a test: closing in the middle is enough.
  std::string payload;
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  EXPECT_EQ(read_frame(ends[0], payload, {.seconds = 0.05}), ReadStatus::kTimeout);
  std::stop_source stop;
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(read_frame(ends[0], payload, {.stop = stop.get_token()}), ReadStatus::kStopped);
  stopper.join();
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(ProcessWorker, InterruptionEndsAWait) {
  std::stop_source stop;
  const auto worker = shell_worker("exec sleep 100", 20, stop.get_token());
  std::thread stopper([&] { stop.request_stop(); });
  EXPECT_THROW(worker->peak_memory_bytes(), Interrupted);
  stopper.join();
}

TEST(ProcessWorker, NonsenseIsAnErrorNotACrash) {
  // Length 4, then four bytes that are no JSON.
  const auto worker = shell_worker("printf '\\004\\000\\000\\000abcd' >&3; exec sleep 100");
  EXPECT_EQ(failure_of(*worker).code(), ErrorCode::kCorruptData);
  const auto boaster = shell_worker("printf '\\377\\377\\377\\377' >&3; exec sleep 100");
  EXPECT_EQ(failure_of(*boaster).code(), ErrorCode::kCorruptData);
}

TEST(ProcessWorker, AnAbsentProgramIsUnavailable) {
  const auto worker =
      make_process_workers({.command = {.executable = "/nonexistent/paceline", .arguments = {"worker"}}})("test fp32");
  EXPECT_THAT(failure_of(*worker).what(), HasSubstr("could not be started"));
}

TEST(ProcessWorker, TheChildIsGoneWithItsOwner) {
  pid_t pid = 0;
  {
    const ChildProcess child = ChildProcess::start({.executable = "/bin/sleep", .arguments = {"100"}});
    pid = child.pid();
    EXPECT_EQ(::kill(pid, 0), 0);
  }
  EXPECT_NE(::kill(pid, 0), 0);
}

TEST(ProcessWorker, OpenMpThreadsOfTheChildAreToldToSleep) {
  const auto worker = shell_worker("echo $OMP_WAIT_POLICY; exit 1");
  const char* chosen = std::getenv("OMP_WAIT_POLICY");
  EXPECT_THAT(failure_of(*worker).what(), HasSubstr(chosen == nullptr ? "PASSIVE" : chosen));
}

std::vector<Encoding> encodings_of(const std::vector<std::vector<int32_t>>& ids) {
  std::vector<Encoding> encodings(ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) encodings[i].input_ids = ids[i];
  return encodings;
}

/// Logit k of a sequence is its sum of ids plus k.
class SumBackend final : public Backend {
 public:
  SumBackend() {
    info_.name = "sum";
    info_.outputs = 2;
  }
  const BackendInfo& info() const override { return info_; }
  void run(const PackedBatch& batch, std::span<float> logits) override {
    for (int32_t i = 0; i < batch.sequences(); ++i) {
      float sum = 0;
      for (int32_t t = batch.cu_seqlens[i]; t < batch.cu_seqlens[i + 1]; ++t) sum += batch.input_ids[t];
      if (sum < 0) throw Error(ErrorCode::kInvalidArgument, "[sum] a negative sum.");
      logits[2 * i] = sum;
      logits[2 * i + 1] = sum > 1000 ? NAN : sum + 1;
    }
  }

 private:
  BackendInfo info_;
};

/// A server in a thread, and our end of its socket.
class ServerTest : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ours_ = ends[0];
    server_ = std::thread([theirs = ends[1]] {
      serve_worker(theirs, theirs, [](const WorkerRequest& request) -> WorkerSession {
        if (request.backend.name != "sum") throw Error(ErrorCode::kUnavailable, "[test] not installed.");
        auto checkpoint =
            std::make_shared<Checkpoint>(Checkpoint::open(std::string(PACELINE_TESTDATA) + "/models/roberta-fp32"));
        auto instances = std::make_unique<BackendInstances>(
            *checkpoint, request.backend, request.instances,
            [](const Checkpoint&, const BackendOptions&) { return std::make_unique<SumBackend>(); });
        return {.keeps = checkpoint, .instances = std::move(instances)};
      });
      ::close(theirs);
    });
  }
  void TearDown() override {
    ::close(ours_);
    server_.join();
  }

  Json ask(const Json& message) {
    write_frame(ours_, message.dump());
    std::string payload;
    EXPECT_EQ(read_frame(ours_, payload, {.seconds = 20}), ReadStatus::kFrame);
    return parse_json(payload, "test");
  }

  Json load(const std::string& name) {
    return ask(encode_request({.model_dir = "/model", .backend = {.name = name, .threads = 1, .cache_dir = {}}}));
  }

  int ours_ = -1;
  std::thread server_;
};

TEST_F(ServerTest, LoadsTakesTextsTimesAndAnswers) {
  EXPECT_EQ(decode_loaded(load("sum")).info.outputs, 2);
  const std::vector<Encoding> texts = encodings_of({{1, 2}, {5}, {2000}});
  EXPECT_EQ(ask(encode_encodings(texts))["texts"], 3);
  const std::vector<BatchIndices> batches{{1, 0}, {2}};
  const Json seconds = ask({{"op", "time"}, {"batches", encode_batches(batches)}});
  for (double one : decode_numbers(seconds, "seconds", 2)) EXPECT_GE(one, 0);
  const std::vector<double> logits =
      decode_numbers(ask({{"op", "logits"}, {"batches", encode_batches(batches)}}), "logits", 6);
  EXPECT_EQ(std::vector<double>(logits.begin(), logits.begin() + 5), (std::vector<double>{5, 6, 3, 4, 2000}));
  EXPECT_TRUE(std::isnan(logits[5]));
  EXPECT_GT(ask({{"op", "memory"}})["peak_memory_bytes"].get<int64_t>(), 1 << 20);
}

TEST_F(ServerTest, ErrorsComeBackWithTheirCode) {
  const auto code_of = [](const Json& reply) {
    try {
      throw_if_error(reply);
    } catch (const Error& error) {
      return error.code();
    }
    return ErrorCode::kInternal;
  };
  EXPECT_EQ(code_of(load("other")), ErrorCode::kUnavailable);
  const std::vector<Encoding> texts = encodings_of({{-1}});
  ask(encode_encodings(texts));
  const std::vector<BatchIndices> one{{0}};
  EXPECT_EQ(code_of(ask({{"op", "time"}, {"batches", encode_batches(one)}})), ErrorCode::kInvalidArgument);
  load("sum");
  EXPECT_EQ(code_of(ask({{"op", "time"}, {"batches", encode_batches(one)}})), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(ask({{"op", "dance"}})), ErrorCode::kInvalidArgument);
  const std::vector<BatchIndices> beyond{{1}};
  EXPECT_EQ(code_of(ask({{"op", "time"}, {"batches", encode_batches(beyond)}})), ErrorCode::kCorruptData);
  EXPECT_EQ(code_of(ask({{"op", "time"}, {"batches", Json::array({Json::array()})}})), ErrorCode::kCorruptData);
}

TEST(WorkerProtocol, MessagesComeBackAsTheyWere) {
  const WorkerRequest request{
      .model_dir = "/a \xC3\xA9\xC2 b\xE9\xFF",
      .backend = {.name = "x", .compute_type = "int8", .threads = 3, .cache_dir = "/c"},
      .checkpoint_options = {.file = "/w.pt", .prefix = "module", .token_types = TokenTypes::kNo}};
  const WorkerRequest back = decode_request(encode_request(request));
  EXPECT_EQ(back.model_dir, request.model_dir);
  EXPECT_EQ(back.backend.compute_type, "int8");
  EXPECT_EQ(back.backend.threads, 3);
  EXPECT_EQ(back.checkpoint_options.file, "/w.pt");
  EXPECT_EQ(back.checkpoint_options.prefix, "module");
  EXPECT_EQ(back.checkpoint_options.token_types, TokenTypes::kNo);
  EndToEndRequest run{.model_dir = "/m",
                      .run = {},
                      .labels = {.threshold = 0.5F, .label_thresholds = {{"a", 0.25F}}, .class_weights = {{"b", 2.0F}}},
                      .format = RowFormat::kJsonl,
                      .expected_seconds = 2.5};
  run.run.checkpoint_options = request.checkpoint_options;
  run.run.long_texts = {.mode = LongTextOptions::Mode::kWindow, .stride = 7};
  run.run.limits = {.batch_size = 8, .max_batch_tokens = 0, .order = Order::kLength, .chunk = 100};
  const std::vector<Text> texts{{.first = "un", .second = {}}, {.first = "deux", .second = "trois"}};
  std::vector<Text> texts_back;
  const EndToEndRequest run_back = decode_end_to_end(encode_end_to_end(run, texts), texts_back);
  EXPECT_EQ(run_back.run.limits.batch_size, 8);
  EXPECT_EQ(run_back.run.limits.order, Order::kLength);
  EXPECT_EQ(run_back.run.checkpoint_options.file, "/w.pt");
  ASSERT_TRUE(run_back.run.long_texts.has_value());
  EXPECT_EQ(run_back.run.long_texts->mode, LongTextOptions::Mode::kWindow);
  EXPECT_EQ(run_back.run.long_texts->stride, 7);
  EXPECT_EQ(run_back.run.checkpoint_options.prefix, "module");
  EXPECT_EQ(run_back.run.checkpoint_options.token_types, TokenTypes::kNo);
  EXPECT_EQ(run_back.expected_seconds, 2.5);
  EXPECT_EQ(run_back.format, RowFormat::kJsonl);
  EXPECT_EQ(run_back.labels.threshold, 0.5F);
  EXPECT_EQ(run_back.labels.label_thresholds, run.labels.label_thresholds);
  EXPECT_EQ(run_back.labels.class_weights, run.labels.class_weights);
  ASSERT_EQ(texts_back.size(), 2U);
  EXPECT_FALSE(texts_back[0].second.has_value());
  EXPECT_EQ(texts_back[1].second, "trois");
}

TEST(WorkerProtocol, FloatsKeepEveryBit) {
  const std::vector<float> values{0.1F, 1e-40F, -3.4e38F, 1.0F / 3};
  const Json message{{"logits", encode_numbers(std::span<const float>(values))}};
  const std::vector<double> back = decode_numbers(parse_json(message.dump(), "test"), "logits", values.size());
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(static_cast<float>(back[i]), values[i]);
}

}  // namespace
}  // namespace paceline
