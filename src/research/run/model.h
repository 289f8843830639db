// The model within a run: which slots it fills, what that may cost, and every word of it in the journal.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/json.h"
#include "research/run/steps.h"
#include "research/slots.h"
#include "research/slots/prompts.h"

namespace hadal::research {

class RunModel {
 public:
  RunModel(Writer* writer, Steps& steps, const RunOptions& options);

  // Decides which slots are filled: as the options say, or by probes.
  void choose_slots();
  bool fills(Slot slot) const { return slots_.count(slot) > 0 && !given_up_; }

  std::optional<Json> plan(const std::string& question);
  std::optional<Json> judge(const std::string& question, const std::vector<std::string>& sentences);
  std::optional<Json> gap(const std::string& question, const std::vector<ShownQuote>& quotes);
  // `shown`: gets how many of the quotes the model saw.
  std::optional<Json> write(const std::string& question, const std::vector<ShownQuote>& quotes, size_t& shown);

  std::vector<std::string> slots() const;                // names, in their order
  std::vector<std::string> why() const { return why_; }  // what kept it from others
  bool tokens_spent() const { return tokens_spent_; }
  int64_t tokens_in() const { return tokens_in_; }
  int64_t tokens_out() const { return tokens_out_; }

 private:
  std::optional<Json> fill(Slot slot, const chat::Conversation& conversation, const Json& schema);
  ModelReply ask(Slot slot, const chat::Conversation& conversation, const Json& schema, int attempt, bool& failed);
  bool affordable(Slot slot, const chat::Conversation& conversation);

  Writer* writer_;
  Steps& steps_;
  const RunOptions& options_;
  std::set<Slot> slots_;
  std::vector<std::string> why_;
  int64_t tokens_in_ = 0, tokens_out_ = 0;
  int failures_ = 0;
  bool tokens_spent_ = false, given_up_ = false;
};

Path probe_cache();  // the user's cache folder; empty where there is none

}  // namespace hadal::research
