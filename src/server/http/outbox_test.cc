#include "server/http/outbox.h"

#include <gtest/gtest.h>

#include "base/json.h"
#include "server/openai/api.h"
#include "server/testing/test_backend.h"

namespace hadal {
namespace {

TEST(Outbox, OneWordForAllThatComesBeforeItIsTaken) {
  int notified = 0;
  Outbox box([&] { ++notified; });
  for (const char* text : {"a", "b", "c"}) EXPECT_TRUE(box.send_event(text));
  EXPECT_EQ(notified, 1);
  EXPECT_EQ(box.take().events, "data: a\n\ndata: b\n\ndata: c\n\n");
  EXPECT_FALSE(box.has_news());
  box.send_comment("so far");
  EXPECT_EQ(notified, 2);
  EXPECT_TRUE(box.has_news());
  EXPECT_EQ(box.take().events, ": so far\n\n");
  box.finish();
  EXPECT_EQ(notified, 3);
  EXPECT_TRUE(box.take().finished);
}

TEST(Outbox, AClientThatIsGoneGetsNothingMore) {
  Outbox box([] {});
  box.set_gone();
  EXPECT_FALSE(box.send_event("a"));
  box.send_comment("b");
  EXPECT_EQ(box.take().events, "");
}

// Waits behind two others before it answers.
class QueueBackend : public EchoBackend {
 public:
  GenerateResult generate(const GenerateRequest& request, const OnText& on_text) override {
    for (const int64_t place : {2, 2, 1, 1, 0, 0}) still_there = request.on_place(place);
    return EchoBackend::generate(request, on_text);
  }
  bool still_there = false;
};

TEST(Queue, StreamsAreToldTheirPlaceByComments) {
  QueueBackend backend;
  const ServerOptions options;
  Api api(options, backend);
  for (const bool stream : {true, false}) {
    Outbox box([] {});
    const Json body = {{"prompt", "x"}, {"stream", stream}};
    api.handle({"POST", "/v1/completions", "localhost", "", "", body.dump()}, box);
    box.finish();
    const Outbox::State state = box.take();
    EXPECT_TRUE(backend.still_there);
    if (stream)
      EXPECT_TRUE(state.events.starts_with(": queued, place 2\n\n: queued, place 1\n\ndata: {")) << state.events;
    else
      EXPECT_EQ(state.reply->status, 200);
  }
  Outbox gone([] {});
  gone.set_gone();
  api.handle({"POST", "/v1/completions", "localhost", "", "", R"({"prompt": "x", "stream": true})"}, gone);
  EXPECT_FALSE(backend.still_there);
}

}  // namespace
}  // namespace hadal
