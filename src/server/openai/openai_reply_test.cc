#include "server/openai/openai_reply.h"

#include <gtest/gtest.h>

#include "base/json.h"

namespace hadal {
namespace {

// A chunk of text is put together from parts; it is the JSON that it claims to be, whatever text and model are called.
TEST(OpenAiReply, ChunksOfTextAreWholeJson) {
  for (const CompletionKind kind : {CompletionKind::chat, CompletionKind::text})
    for (const char* model : {"pilot", "a\"b\\:\"\"", "\u00fc:\"\"}"}) {
      const CompletionHead head = make_completion_head(kind, model);
      for (const char* text : {"", "word", " \"quoted\" \\ ", "line\nline\t\x01", "\u00fc\u4e16\U0001f600", "\u2028",
                               "</script>", ":\"\""}) {
        const Json chunk = Json::parse(text_chunk(head, text));
        EXPECT_EQ(chunk["id"], head.id);
        EXPECT_EQ(chunk["model"], model);
        EXPECT_EQ(chunk["created"], head.created);
        const Json& choice = chunk["choices"][0];
        EXPECT_EQ(kind == CompletionKind::chat ? choice["delta"]["content"] : choice["text"], text);
        EXPECT_EQ(choice["index"], 0);
        EXPECT_TRUE(choice["finish_reason"].is_null() && choice["logprobs"].is_null());
        EXPECT_EQ(chunk["object"], kind == CompletionKind::chat ? "chat.completion.chunk" : "text_completion");
        if (kind == CompletionKind::text) continue;
        const Json thought = Json::parse(reasoning_chunk(head, text));
        EXPECT_EQ(thought["choices"][0]["delta"], (Json{{"reasoning_content", text}}));
        EXPECT_EQ(thought["id"], head.id);
      }
    }
}

TEST(OpenAiReply, ThoughtsStandBesideTheContentWhereThereAreAny) {
  const CompletionHead head = make_completion_head(CompletionKind::chat, "pilot");
  chat::Message message{"assistant", "yes"};
  const auto found = [&] { return Json::parse(whole_completion(head, {{{}, message}}))["choices"][0]["message"]; };
  EXPECT_EQ(found(), (Json{{"role", "assistant"}, {"content", "yes"}, {"refusal", nullptr}}));
  message.reasoning = "hm";
  EXPECT_EQ(found()["reasoning_content"], "hm");
  message.content.reset();
  EXPECT_EQ(found()["content"], "");
}

}  // namespace
}  // namespace hadal
