#include "base/channel.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

namespace paceline {
namespace {

TEST(Channel, GivesEveryItemOnceAndInOrder) {
  Channel<std::unique_ptr<int>> channel;
  std::thread producer([&] {
    for (int i = 0; i < 1000; ++i) channel.push(std::make_unique<int>(i));
    channel.close();
  });
  int expected = 0;
  while (auto item = channel.pop()) EXPECT_EQ(**item, expected++);
  producer.join();
  EXPECT_EQ(expected, 1000);
}

TEST(Channel, WhatWasPushedBeforeItWasClosedIsStillThere) {
  Channel<int> channel;
  channel.push(7);
  channel.close();
  EXPECT_EQ(channel.pop(), 7);
  EXPECT_EQ(channel.pop(), std::nullopt);
}

TEST(Channel, AWaitEndsWhereItIsCalledOff) {
  Channel<int> channel;
  std::stop_source stop;
  std::thread consumer([&] { EXPECT_EQ(channel.pop(stop.get_token()), std::nullopt); });
  stop.request_stop();
  consumer.join();
  channel.push(7);
  EXPECT_EQ(channel.pop(stop.get_token()), std::nullopt) << "called off before";
}

}  // namespace
}  // namespace paceline
