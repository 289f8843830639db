#include "train/data/mixture.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "base/rng.h"

namespace hadal {

Mixture::Mixture(std::vector<const TokenStore*> stores, MixtureOptions options) : options_(std::move(options)) {
  HADAL_CHECK(stores.size() == options_.shares.size() && !stores.empty());
  const double sum = std::accumulate(options_.shares.begin(), options_.shares.end(), 0.0);
  for (size_t i = 0; i < stores.size(); ++i) {
    Source source;
    source.store = stores[i];
    source.share = options_.shares[i] / sum;
    cut(source);
    if (source.train.empty()) {
      fail(
          "source \"{}\": expected something to train on, found no document with a token to learn; with mask = "
          "\"assistant\" "
          "the source must hold dialogues whose first answer begins within sequence_length = {}",
          source.store->name(), options_.sequence_length);
    }
    shuffle(source);
    sources_.push_back(std::move(source));
  }
}

// Every dialogue that a stage cannot learn from, or only from its beginning, is counted.
void Mixture::cut(Source& source) {
  int64_t left_out = 0, shortened = 0;
  const int64_t length = options_.sequence_length;
  const bool lead = options_.bos >= 0 && !source.store->whole_documents();  // pieces begin with a bos of our own
  for (int64_t d = 0; d < source.store->num_documents(); ++d) {
    const auto tokens = source.store->document(d);
    auto& list = source.store->is_validation(d) ? source.validation : source.train;
    const int64_t n = static_cast<int64_t>(tokens.size());
    const int64_t targets = lead ? n : n - 1;  // all tokens but the first, unless bos precedes it
    for (int64_t begin = 0; begin < targets; begin += length) {
      const int64_t count = std::min(length, targets - begin);
      const auto first = tokens.subspan(static_cast<size_t>(begin + (lead ? 0 : 1)), static_cast<size_t>(count));
      const bool learns =
          std::any_of(first.begin(), first.end(), [&](StoredToken t) { return t.learnt(options_.assistant_only); });
      if (learns && count >= 2) {
        list.push_back({static_cast<uint32_t>(d), static_cast<uint32_t>(begin), static_cast<uint32_t>(count)});
      }
      if (!source.store->whole_documents()) continue;
      if (!learns || count < 2)
        ++left_out;
      else if (targets > count)
        ++shortened;
      break;
    }
  }
  if (left_out + shortened == 0) return;
  std::string text = fmt::format("source {}: of {} dialogues", source.store->name(), source.store->num_documents());
  if (left_out > 0)
    text += fmt::format(", {} are left out: nothing to learn within sequence_length = {}", left_out, length);
  if (shortened > 0)
    text += fmt::format("{} {} are cut at the end: longer than sequence_length = {}", left_out > 0 ? ";" : ",",
                        shortened, length);
  if (left_out > 0)
    log_warning("{}", text);
  else
    log_info("{}", text);
}

void Mixture::shuffle(Source& source) {
  source.order.resize(source.train.size());
  std::iota(source.order.begin(), source.order.end(), 0u);
  Rng rng(options_.seed, mix(fnv1a(source.store->name()) + source.epoch));
  for (size_t i = source.order.size(); i > 1; --i) std::swap(source.order[i - 1], source.order[rng.below(i)]);
}

// A dialogue that goes on from another needs no begin token; where it has none, its first token stays: a role's mark.
bool Mixture::keeps_first(const Source& source, const Piece& piece) const {
  return source.store->document(piece.document)[0].id() != options_.bos;
}

// Decided by what the piece is, so that nothing more has to be saved.
bool Mixture::joins(const Source& source, const Piece& piece, const TrainingBatch& out) const {
  const auto& offsets = out.batch.offsets;
  if (options_.join <= 0 || !out.ends_whole || !source.store->whole_documents()) return false;
  const int64_t length = int64_t{piece.length} + (keeps_first(source, piece) ? 1 : 0);
  if (offsets.back() - offsets[offsets.size() - 2] + length > options_.sequence_length) return false;
  Rng rng(options_.seed, mix(fnv1a(source.store->name()) + source.epoch) + piece.document);
  return rng.uniform() < options_.join;
}

// A joined dialogue's first input is the last token of the one before it: in the place of its own begin token, or
// before its first token where that is none.
void Mixture::append(const Source& source, const Piece& piece, bool joined, TrainingBatch& out) const {
  const auto tokens = source.store->document(piece.document);
  const bool lead = options_.bos >= 0 && !source.store->whole_documents();
  if (out.batch.offsets.empty()) out.batch.offsets.push_back(0);
  int32_t position = joined ? out.batch.positions.back() + 1 : 0;
  const int32_t end_before = joined ? out.targets.back() : -1;
  const auto add = [&](int32_t id, StoredToken target) {
    const bool learn = target.learnt(options_.assistant_only);
    out.batch.ids.push_back(id);
    out.batch.positions.push_back(position++);
    out.targets.push_back(target.id());
    out.weights.push_back(learn ? 1.0f : 0.0f);
    out.weight += learn;
    if (learn) out.target_bytes += options_.token_bytes[static_cast<size_t>(target.id())];
  };
  const bool both = joined && keeps_first(source, piece);
  if (both) add(end_before, tokens[0]);
  for (uint32_t i = 0; i < piece.length; ++i) {
    const size_t at = piece.begin + i;  // of the input, or of the target when bos leads
    const int32_t id = joined && !both && i == 0 ? end_before
                       : !lead                   ? tokens[at].id()
                       : i == 0                  ? options_.bos
                                                 : tokens[at - 1].id();
    add(id, tokens[lead ? at : at + 1]);
  }
  if (joined) out.batch.offsets.pop_back();
  out.batch.offsets.push_back(static_cast<int32_t>(out.batch.ids.size()));
  out.ends_whole = source.store->whole_documents() && piece.begin + piece.length + 1 == tokens.size();
}

// The source that is furthest behind its share.
Mixture::Source& Mixture::due() {
  Source* best = &sources_[0];
  for (Source& source : sources_) {
    if (static_cast<double>(source.tokens) / source.share < static_cast<double>(best->tokens) / best->share)
      best = &source;
  }
  return *best;
}

int64_t Mixture::next_length() {
  const Source& source = due();
  return source.train[source.order[source.next]].length;
}

TrainingBatch Mixture::next(int64_t max_tokens) {
  TrainingBatch out;
  for (;;) {
    Source& source = due();
    const Piece& piece = source.train[source.order[source.next]];
    if (out.num_tokens() > 0 && out.num_tokens() + piece.length > max_tokens) return out;
    const bool joined = out.num_tokens() > 0 && joins(source, piece, out);
    if (joined && keeps_first(source, piece) && out.num_tokens() + piece.length + 1 > max_tokens) return out;
    append(source, piece, joined, out);
    source.tokens += piece.length;
    if (++source.next == source.order.size()) {
      source.next = 0;
      ++source.epoch;
      shuffle(source);
    }
  }
}

void Mixture::for_validation(size_t i, int64_t max_tokens, int64_t batch_tokens,
                             const std::function<void(TrainingBatch&&)>& use) const {
  const Source& source = sources_[i];
  TrainingBatch batch;
  int64_t total = 0;
  for (const Piece& piece : source.validation) {
    if (total + piece.length > max_tokens) break;
    total += piece.length;
    if (batch.num_tokens() > 0 && batch.num_tokens() + piece.length > batch_tokens) {
      use(std::move(batch));
      batch = TrainingBatch();
    }
    append(source, piece, false, batch);
  }
  if (batch.num_tokens() > 0) use(std::move(batch));
}

Json Mixture::state() const {
  Json list = Json::array();
  for (const Source& s : sources_) {
    list.push_back({{"name", s.store->name()},
                    {"pieces", s.train.size()},
                    {"epoch", s.epoch},
                    {"next", s.next},
                    {"tokens", s.tokens}});
  }
  return list;
}

void Mixture::restore(const Json& state, const std::string& who) {
  if (!state.is_array() || state.size() != sources_.size()) {
    fail("{}: expected the state of {} sources, found {}; the recipe has changed since, start a new run", who,
         sources_.size(), state.size());
  }
  for (size_t i = 0; i < sources_.size(); ++i) {
    Source& s = sources_[i];
    const Json& saved = state[i];
    if (saved.at("name") != s.store->name() || saved.at("pieces") != s.train.size() ||
        saved.at("next") >= s.train.size()) {
      fail(
          "{}: expected source \"{}\" with {} pieces, found \"{}\" with {}; the data or the recipe has changed since, "
          "start a new run",
          who, s.store->name(), s.train.size(), saved.at("name").get<std::string>(),
          saved.at("pieces").get<uint64_t>());
    }
    s.epoch = saved.at("epoch");
    s.next = saved.at("next");
    s.tokens = saved.at("tokens");
    shuffle(s);
  }
}

}  // namespace hadal
