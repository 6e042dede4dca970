#include "base/channel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace paceline {
namespace {

const auto always = [] { return true; };
const auto never = [] { return false; };

TEST(Channel, GivesEveryItemOnceAndInOrder) {
  Channel<std::unique_ptr<int>> channel;
  std::thread producer([&] {
    for (int i = 0; i < 1000; ++i) channel.push(std::make_unique<int>(i));
    channel.close();
  });
  int expected = 0;
  while (auto item = channel.pop(always)) EXPECT_EQ(**item, expected++);
  producer.join();
  EXPECT_EQ(expected, 1000);
}

TEST(Channel, WhatWasPushedBeforeItWasClosedIsStillThere) {
  Channel<int> channel;
  channel.push(7);
  channel.close();
  EXPECT_EQ(channel.pop(always), 7);
  EXPECT_EQ(channel.pop(always), std::nullopt);
}

TEST(Channel, AWaitEndsWhereItIsCalledOff) {
  Channel<int> channel;
  EXPECT_EQ(channel.pop(never), std::nullopt);
  std::atomic<bool> go_on{true};
  std::thread consumer([&] { EXPECT_EQ(channel.pop([&] { return go_on.load(); }), std::nullopt); });
  go_on = false;
  consumer.join();
}

}  // namespace
}  // namespace paceline
