#include "server/http/outbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "base/json.h"
#include "base/testing/scratch.h"
#include "server/http/inbox.h"
#include "server/openai/api.h"
#include "server/testing/test_backend.h"

namespace hadal {
namespace {

TEST(Outbox, OneWordForAllThatComesBeforeItIsTaken) {
  int notified = 0;
  Outbox box([&] { ++notified; });
  for (const char* text : {"a", "b", "c"}) EXPECT_TRUE(box.send_event({text}));
  EXPECT_EQ(notified, 1);
  EXPECT_EQ(box.take().bytes, "data: a\n\ndata: b\n\ndata: c\n\n");
  EXPECT_FALSE(box.has_news());
  box.send_comment("so far");
  EXPECT_EQ(notified, 2);
  EXPECT_TRUE(box.has_news());
  EXPECT_EQ(box.take().bytes, ": so far\n\n");
  box.finish();
  EXPECT_EQ(notified, 3);
  EXPECT_TRUE(box.take().finished);
}

TEST(Outbox, EventsHaveNamesIdsAndLines) {
  Outbox box([] {});
  box.send_event({.data = "one\ntwo", .name = "progress", .id = "7"});
  EXPECT_EQ(box.take().bytes, "event: progress\nid: 7\ndata: one\ndata: two\n\n");
}

TEST(Outbox, BytesWaitForAClientThatIsBehind) {
  Outbox box([] {});
  box.open_stream("text/plain", {});
  EXPECT_EQ(box.stream_head().content_type, "text/plain");
  EXPECT_TRUE(box.send_bytes(std::string(1 << 20, 'x')));
  std::atomic<bool> passed = false;
  std::thread waiting([&] {
    EXPECT_TRUE(box.send_bytes("y"));
    EXPECT_TRUE(box.send_bytes(std::string(1 << 20, 'z')));
    passed = true;
    EXPECT_FALSE(box.send_bytes("the client has gone"));
  });
  EXPECT_EQ(box.take().bytes, std::string(1 << 20, 'x'));
  while (!passed) std::this_thread::yield();
  box.set_gone();
  waiting.join();
  EXPECT_EQ(box.take().bytes, "y" + std::string(1 << 20, 'z'));
}

TEST(Inbox, GivesWhatIsPutAndThenTheEndOrTheReason) {
  for (const bool whole : {true, false}) {
    std::atomic<int> notified = 0;
    Inbox box([&] { ++notified; });
    EXPECT_FALSE(box.wanted());
    auto reader = std::async(std::launch::async, [&] {
      std::string text = box.read();
      return text + box.read();
    });
    while (!box.wanted()) std::this_thread::yield();
    box.put("abc");
    while (notified < 2) std::this_thread::yield();
    if (whole)
      box.end();
    else
      box.fail(ApiError(413, "too long"));
    box.fail(ApiError(400, "later reasons do not count"));
    if (whole)
      EXPECT_EQ(reader.get(), "abc");
    else
      EXPECT_EQ(test::error_of([&] { reader.get(); }), "too long");
  }
}

TEST(Outbox, AClientThatIsGoneGetsNothingMore) {
  Outbox box([] {});
  box.set_gone();
  EXPECT_FALSE(box.send_event({"a"}));
  box.send_comment("b");
  EXPECT_EQ(box.take().bytes, "");
}

// Waits behind two others before it answers.
class QueueBackend : public EchoBackend {
 public:
  std::vector<GenerateResult> generate(const GenerateRequest& request, const OnPiece& on_piece) override {
    for (const int64_t place : {2, 2, 1, 1, 0, 0}) still_there = request.on_place(place);
    return EchoBackend::generate(request, on_piece);
  }
  bool still_there = false;
};

TEST(Queue, StreamsAreToldTheirPlaceByComments) {
  QueueBackend backend;
  Api api(backend, {});
  for (const bool stream : {true, false}) {
    Outbox box([] {});
    const Json body = {{"prompt", "x"}, {"stream", stream}};
    api.complete({"POST", "/v1/completions", "localhost", "", "", body.dump()}, false, box);
    box.finish();
    const Outbox::State state = box.take();
    EXPECT_TRUE(backend.still_there);
    if (stream)
      EXPECT_TRUE(state.bytes.starts_with(": queued, place 2\n\n: queued, place 1\n\ndata: {")) << state.bytes;
    else
      EXPECT_EQ(state.reply->status, 200);
  }
  Outbox gone([] {});
  gone.set_gone();
  api.complete({"POST", "/v1/completions", "localhost", "", "", R"({"prompt": "x", "stream": true})"}, false, gone);
  EXPECT_FALSE(backend.still_there);
}

}  // namespace
}  // namespace hadal
