#include "base/bounded_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

namespace paceline {
namespace {

const auto always = [] { return true; };
const auto never = [] { return false; };

TEST(BoundedQueue, GivesEveryItemOnceAndInOrder) {
  BoundedQueue<std::unique_ptr<int>> queue(2);
  std::thread producer([&] {
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(queue.push(std::make_unique<int>(i), always));
    queue.close();
  });
  int expected = 0;
  while (auto item = queue.pop(always)) EXPECT_EQ(**item, expected++);
  producer.join();
  EXPECT_EQ(expected, 1000);
}

TEST(BoundedQueue, HoldsNoMoreThanItsCapacity) {
  BoundedQueue<int> queue(2);
  EXPECT_TRUE(queue.push(1, always));
  EXPECT_TRUE(queue.wait_for_room(always));
  EXPECT_TRUE(queue.push(2, always));
  int questions = 0;
  EXPECT_FALSE(queue.push(3, [&] { return ++questions < 2; }));
  EXPECT_FALSE(queue.wait_for_room([&] { return ++questions < 4; }));
  EXPECT_EQ(queue.pop(always), 1);
  EXPECT_FALSE(queue.wait_for_room([&] { return ++questions < 6; })) << "1 is in work, 2 waits";
  EXPECT_EQ(queue.pop(always), 2);
  EXPECT_TRUE(queue.wait_for_room(always));
}

TEST(BoundedQueue, WhatWasPushedBeforeItWasClosedIsStillThere) {
  BoundedQueue<int> queue(2);
  queue.push(7, always);
  queue.close();
  EXPECT_EQ(queue.pop(always), 7);
  EXPECT_EQ(queue.pop(always), std::nullopt);
}

TEST(BoundedQueue, AWaitEndsWhereItIsCalledOff) {
  BoundedQueue<int> queue(1);
  EXPECT_EQ(queue.pop(never), std::nullopt);
  std::atomic<bool> go_on{true};
  std::thread consumer([&] { EXPECT_EQ(queue.pop([&] { return go_on.load(); }), std::nullopt); });
  go_on = false;
  consumer.join();
}

}  // namespace
}  // namespace paceline
