#include "research/run/model.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "research/slots/schema.h"

namespace hadal::research {
namespace {

constexpr double kReading = 0.8;  // of the budget; the rest is kept for writing
constexpr int64_t kMaxThoughts = 512;
constexpr int kMaxFailures = 2;  // answers in a row that did not come; then the rules do the rest

constexpr Slot kSlots[] = {Slot::plan, Slot::judge, Slot::gap, Slot::write};

std::string probe_word(Slot slot) {
  switch (slot) {
    case Slot::plan:
      return "planning";
    case Slot::judge:
      return "reading";
    case Slot::gap:
      return "gap";
    case Slot::write:
      return "writing";
  }
  return "";
}

// "this model failed 7 of 8 reading probes"
std::string failed_text(const Probed& probed) {
  return fmt::format("this model failed {} of {} {} probes", probed.asked - probed.passed, probed.asked,
                     probe_word(probed.slot));
}

}  // namespace

Path probe_cache() {
  if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
    return Path(cache) / "hadal" / "probes";
  if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
    return Path(home) / ".cache" / "hadal" / "probes";
  return {};
}

RunModel::RunModel(Writer* writer, Steps& steps, const RunOptions& options)
    : writer_(writer), steps_(steps), options_(options) {}

void RunModel::choose_slots() {
  if (writer_ == nullptr) return;
  const OrderedJson data = steps_.step("slots", [&]() -> Steps::Done {
    OrderedJson earned = OrderedJson::array(), why = OrderedJson::array();
    if (options_.slots) {
      for (const Slot slot : kSlots)
        if (options_.slots->count(slot) > 0) earned.push_back(std::string(slot_name(slot)));
      if (options_.slots->size() < std::size(kSlots))
        why.push_back("the other slots were left to the rules by --slots");
      return {"slots as asked for", {{"slots", earned}, {"why", why}}};
    }
    try {
      bool writes = false;
      for (const Probed& probed : probe(*writer_, probe_cache(), steps_.stopper(kReading))) {
        if (probed.earned()) {
          earned.push_back(std::string(slot_name(probed.slot)));
          writes = writes || probed.slot == Slot::write;
        } else if (probed.asked > 0) {
          why.push_back(failed_text(probed));
        }
      }
      if (!writes && !why.empty()) why.back() = why.back().get<std::string>() + "; you get quotes";
    } catch (const Error& e) {
      why.push_back(fmt::format("the model did not answer ({}); you get quotes", brief(e.what(), 200)));
      earned = OrderedJson::array();
    }
    return {fmt::format("{} of 4 slots earned", earned.size()), {{"slots", earned}, {"why", why}}};
  });
  for (const Slot slot : kSlots)
    for (const OrderedJson& name : data.at("slots"))
      if (name == slot_name(slot)) slots_.insert(slot);
  for (const OrderedJson& line : data.at("why")) why_.push_back(line.get<std::string>());
}

std::vector<std::string> RunModel::slots() const {
  std::vector<std::string> names;
  for (const Slot slot : kSlots)
    if (slots_.count(slot) > 0) names.emplace_back(slot_name(slot));
  return names;
}

bool RunModel::affordable(Slot slot, const chat::Conversation& conversation) {
  const double share = slot == Slot::write ? 1 : kReading;
  const int64_t left =
      static_cast<int64_t>(share * static_cast<double>(options_.budget.tokens)) - tokens_in_ - tokens_out_;
  if (writer_->count_tokens(conversation) + reply_tokens(slot) <= left) return true;
  tokens_spent_ = true;
  return false;
}

ModelReply RunModel::ask(Slot slot, const chat::Conversation& conversation, const Json& schema, int attempt,
                         bool& failed) {
  const OrderedJson data = steps_.step("model", [&]() -> Steps::Done {
    const int64_t thoughts = std::clamp<int64_t>(options_.budget.tokens / 16, 0, kMaxThoughts);
    const std::string name(slot_name(slot));
    try {
      const uint64_t seed = options_.seed + static_cast<uint64_t>(attempt);
      const ModelReply reply = writer_->answer(conversation, schema, name, reply_tokens(slot), thoughts, seed,
                                               steps_.stopper(slot == Slot::write ? 1 : kReading));
      return {name + " asked",
              {{"slot", name},
               {"text", reply.text},
               {"thoughts", reply.thoughts},
               {"tokens_in", reply.tokens_in},
               {"tokens_out", reply.tokens_out},
               {"cut", reply.cut}}};
    } catch (const Error& e) {
      return {fmt::format("{}: the model did not answer: {}", name, brief(e.what(), 200)),
              {{"slot", name}, {"error", brief(e.what(), 200)}}};
    }
  });
  failed = data.contains("error");
  ModelReply reply;
  if (failed) return reply;
  reply.text = data.at("text").get<std::string>();
  reply.tokens_in = data.at("tokens_in").get<int64_t>();
  reply.tokens_out = data.at("tokens_out").get<int64_t>();
  tokens_in_ += reply.tokens_in;
  tokens_out_ += reply.tokens_out;
  steps_.progress.tokens = tokens_in_ + tokens_out_;
  if (const std::string thoughts = data.at("thoughts").get<std::string>(); !thoughts.empty())
    steps_.note("thought", thoughts, {{"slot", data.at("slot")}});
  return reply;
}

std::optional<Json> RunModel::fill(Slot slot, const chat::Conversation& conversation, const Json& schema) {
  if (!fills(slot) || !fits_context(*writer_, conversation, reply_tokens(slot))) return {};
  for (int attempt = 0; attempt < 2; ++attempt) {
    const chat::Conversation asked = attempt == 0 ? conversation : asked_again(conversation);
    if (!affordable(slot, asked)) return {};
    bool failed = false;
    const ModelReply reply = ask(slot, asked, schema, attempt, failed);
    failures_ = failed ? failures_ + 1 : 0;
    given_up_ = failures_ >= kMaxFailures;
    if (given_up_) {
      why_.push_back("the model stopped answering, and the rules did the rest");
      return {};
    }
    if (failed) continue;
    if (std::optional<Json> filled = first_fitting(reply.text, schema)) return filled;
  }
  return {};
}

std::optional<Json> RunModel::plan(const std::string& question) {
  if (!fills(Slot::plan)) return {};
  return fill(Slot::plan, plan_prompt(question), plan_schema());
}

std::optional<Json> RunModel::judge(const std::string& question, const std::vector<std::string>& sentences) {
  if (!fills(Slot::judge)) return {};
  return fill(Slot::judge, judge_prompt(question, sentences), judge_schema(sentences.size()));
}

std::optional<Json> RunModel::gap(const std::string& question, const std::vector<ShownQuote>& quotes) {
  if (!fills(Slot::gap)) return {};
  const auto make = [&](const std::vector<ShownQuote>& some) { return gap_prompt(question, some); };
  const size_t count = quotes_that_fit(*writer_, reply_tokens(Slot::gap), quotes, make);
  return fill(Slot::gap, make({quotes.begin(), quotes.begin() + static_cast<int64_t>(count)}), gap_schema());
}

std::optional<Json> RunModel::write(const std::string& question, const std::vector<ShownQuote>& quotes, size_t& shown) {
  shown = 0;
  if (!fills(Slot::write)) return {};
  const std::vector<ShownQuote> some(quotes.begin(),
                                     quotes.begin() + static_cast<int64_t>(std::min(quotes.size(), kMaxShown)));
  const auto make = [&](const std::vector<ShownQuote>& list) { return write_prompt(question, list); };
  shown = quotes_that_fit(*writer_, reply_tokens(Slot::write), some, make);
  if (shown == 0) return {};
  return fill(Slot::write, make({some.begin(), some.begin() + static_cast<int64_t>(shown)}), write_schema(shown));
}

}  // namespace hadal::research
