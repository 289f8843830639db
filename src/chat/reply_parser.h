// What a model says, taken apart while it comes: thoughts, answer, calls of tools. Models mark these by tags. In some
// vocabularies a tag is a special token, which the engine tells apart from the text; in others it is text like any
// other, and the parser finds it there:
//
//   <think> ... </think>                               thoughts: R1, V3.1, Qwen3 and what was distilled from them
//   <｜tool▁call▁begin｜> ... <｜tool▁call▁end｜>         DeepSeek-V3 and V3.1, with their different insides
//   <tool_call>{"name", "arguments"}</tool_call>       Qwen2.5, Hermes
//   <|python_tag|>{"name", "parameters"}               Llama 3, to the end of the reply
//
// As text, <think> counts at the beginning of a reply alone, and a </think> behind a quotation mark or backquote does
// not end the thoughts: an answer may speak of tags. Calls are looked for only where tools were offered. White space
// beside a tag is no part of anything. What cannot be read as a call stays answer: nothing is lost.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "chat/conversation.h"
#include "tokenizer/tokenizer.h"

namespace hadal::chat {

struct ReplyFormat {
  bool begins_in_reasoning = false;                         // the prompt has opened the thoughts
  bool tools = false;                                       // the model was offered tools
  std::vector<std::pair<TokenId, std::string>> marks = {};  // the tags that are special tokens, never text
  TokenId think_begin = -1, think_end = -1;  // <think> and </think>, special or not; -1: no token of theirs
};
ReplyFormat reply_format(const Tokenizer& tokenizer);  // with the tags that are tokens there

struct ReplyDelta {
  enum class Kind { reasoning, content, tool_call };
  Kind kind = Kind::content;
  std::string text = {};  // of reasoning or content
  ToolCall call = {};     // whole; its id is left to who numbers them

  bool operator==(const ReplyDelta&) const = default;
};

// The message grows by the delta.
void append(Message& message, const ReplyDelta& delta);

struct ToolFormat;  // a row of the table of formats

// One reply. What comes out, put together, does not depend on how the text was cut into pieces. Text that may yet turn
// out to be a tag is held back: a few bytes, or a call that is not complete.
class ReplyParser {
 public:
  explicit ReplyParser(ReplyFormat format);

  std::vector<ReplyDelta> push(std::string_view text);
  // A special token at this place of the text; or the </think> that is text and comes next, where the engine forced it:
  // it ends the thoughts, whatever stands before it.
  std::vector<ReplyDelta> push_mark(TokenId id);
  std::vector<ReplyDelta> finish();  // what was held back; nothing comes after it

 private:
  enum class State { beginning, reasoning, content, call };
  using Deltas = std::vector<ReplyDelta>;
  struct Found {
    size_t at;             // how much of what is held stands before the tag, or is decided
    std::string_view tag;  // "": none
  };

  void advance(Deltas& out, bool last);
  Found look(bool last) const;
  std::vector<std::string_view> text_tags() const;
  size_t find(std::string_view tag) const;
  bool is_text(std::string_view tag) const;
  void take_tag(Deltas& out, std::string_view before, std::string_view tag);
  void take_tool_tag(Deltas& out, std::string_view before, std::string_view tag);
  void end_call(Deltas& out, std::string_view body, std::string_view end_tag);
  void say(Deltas& out, std::string_view text);

  ReplyFormat format_;
  State state_ = State::beginning;
  std::string held_;                  // not decided yet
  std::string before_;                // the end of what was said, for a look behind
  std::string gap_;                   // before a call: part of nothing, or content where no call follows
  bool trim_ = false;                 // white space that comes next is part of nothing
  bool forced_ = false;               // the next </think> ends the thoughts, quoted or not
  bool called_ = false;               // nothing was said since the last call
  const ToolFormat* call_ = nullptr;  // the one that is being read
};

}  // namespace hadal::chat
