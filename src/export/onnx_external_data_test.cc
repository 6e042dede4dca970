#include "export/onnx_external_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/testing/expect_error.h"
#include "export/protobuf_writer.h"

namespace paceline {
namespace {

using testing::ElementsAre;

ProtobufWriter entry(std::string_view key, std::string_view value) {
  ProtobufWriter out;
  out.bytes(1, key);
  out.bytes(2, value);
  return out;
}

ProtobufWriter tensor(std::string_view location, int64_t kind = 1) {
  ProtobufWriter out;
  out.integer(1, 4);
  out.message(13, entry("offset", "4096"));
  out.message(13, entry("location", location));
  out.integer(14, kind);
  return out;
}

ProtobufWriter inside(int field, const ProtobufWriter& message) {
  ProtobufWriter out;
  out.message(field, message);
  return out;
}

std::vector<std::string> files(const ProtobufWriter& model) {
  return onnx_external_files(std::as_bytes(std::span(model.text())), "m.onnx");
}

TEST(OnnxExternalFiles, AreFoundWhereverATensorMayStand) {
  ProtobufWriter attribute;
  attribute.message(5, tensor("of_attribute"));
  attribute.message(10, tensor("of_list"));
  attribute.message(22, inside(1, tensor("of_sparse_attribute")));
  attribute.message(23, inside(2, tensor("of_sparse_list")));
  attribute.message(6, inside(5, tensor("of_branch")));
  attribute.message(11, inside(1, inside(5, inside(5, tensor("of_node_of_branches")))));
  ProtobufWriter graph;
  graph.message(1, inside(5, attribute));
  graph.message(5, tensor("weights"));
  graph.message(5, tensor("weights"));
  graph.message(15, inside(1, tensor("of_sparse")));
  ProtobufWriter model;
  model.integer(1, 10);
  model.bytes(2, "producer");
  model.message(7, graph);
  model.message(20, inside(1, inside(5, tensor("of_training"))));
  model.message(25, inside(7, inside(5, inside(5, tensor("of_function")))));
  EXPECT_THAT(files(model),
              ElementsAre("of_attribute", "of_branch", "of_function", "of_list", "of_node_of_branches", "of_sparse",
                          "of_sparse_attribute", "of_sparse_list", "of_training", "weights"));
}

TEST(OnnxExternalFiles, OnlyWhereTheValuesAreSaidToBeOutside) {
  EXPECT_THAT(files(inside(7, inside(5, tensor("unused", 0)))), ElementsAre());
  EXPECT_THAT(files(inside(8, inside(5, tensor("in another field")))), ElementsAre());
  EXPECT_THAT(files(ProtobufWriter()), ElementsAre());
}

TEST(OnnxExternalFiles, EveryCutIsRefusedOrRead) {
  const ProtobufWriter model = inside(7, inside(5, tensor("weights")));
  for (std::size_t size = 1; size < model.text().size(); ++size) {
    expect_error(
        ErrorCode::kCorruptData,
        [&] { onnx_external_files(std::as_bytes(std::span(model.text()).first(size)), "m.onnx"); }, "m.onnx");
  }
}

TEST(OnnxExternalFiles, HostileNestingIsRefused) {
  ProtobufWriter graph;
  for (int i = 0; i < 100; ++i) graph = inside(1, inside(5, inside(6, graph)));
  expect_error(
      ErrorCode::kCorruptData, [&] { files(inside(7, graph)); }, "m.onnx", "nested");
  expect_error(
      ErrorCode::kCorruptData, [] { onnx_external_files(std::as_bytes(std::span("not a graph", 11)), "x"); }, "[x]");
}

}  // namespace
}  // namespace paceline
