#include "train/run/run_tokenizer.h"

#include <algorithm>
#include <optional>
#include <thread>

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "chat/own_template.h"
#include "train/checkpoint.h"
#include "train/data/documents.h"
#include "train/data/reason_source.h"
#include "train/data/text_queue.h"
#include "train/data/token_store.h"
#include "train/run_folder.h"
#include "weights/load.h"

namespace hadal {
namespace {

bool names(const std::vector<std::pair<std::string, double>>& list, const std::string& source) {
  return std::any_of(list.begin(), list.end(), [&](const auto& item) { return item.first == source; });
}

bool is_trained_on(const Recipe& recipe, const SourceSpec& source) {
  return std::any_of(recipe.stages.begin(), recipe.stages.end(),
                     [&](const StageSpec& stage) { return names(stage.sources, source.name); });
}

bool is_learnt_from(const Recipe& recipe, const SourceSpec& source) {
  const TokenizerSpec& spec = recipe.tokenizer;
  if (!recipe.start.empty() || !spec.from.empty() || spec.bytes_only) return false;
  return spec.sources.empty() || names(spec.sources, source.name);
}

// The sources to learn a tokenizer from, with what is read of each.
std::vector<SourceSpec> sources_to_learn_from(const Recipe& recipe) {
  std::vector<SourceSpec> out;
  for (SourceSpec source : recipe.sources) {
    if (!is_learnt_from(recipe, source)) continue;
    for (const auto& [name, megabytes] : recipe.tokenizer.sources) {
      if (name != source.name || source.kind == SourceKind::arithmetic) continue;
      source.max_megabytes = source.max_megabytes > 0 ? std::min(source.max_megabytes, megabytes) : megabytes;
    }
    out.push_back(std::move(source));
  }
  return out;
}

void check_source(const SourceSpec& source) {
  SourceSpec probe = source;  // without filters: the first document tells the shape
  probe.include.clear();
  probe.exclude.clear();
  probe.exclude_ids.clear();
  probe.max_megabytes = 0;
  probe.max_document_bytes = probe.max_turns = 0;
  bool found = false;
  SourceReport report;
  for_each_document(
      probe, [&](Document&& d) { return !(found = !d.content().empty()); }, &report);
  if (!found)
    fail("{}source \"{}\": {}: expected documents, found none: {}", source.where_prefix(), source.name,
         source.path.string(), report.text());
}

// What learning depends on: the keys, and the sources' files by size and time.
std::string learning_key(const Recipe& recipe) {
  const TokenizerSpec& spec = recipe.tokenizer;
  std::string key = fmt::format("v2|{}|{}|{}", spec.vocab, spec.pre_tokenizer, spec.bytes_only);
  if (spec.thinking) key += "|thinking";
  if (spec.merge_words_only) key += "|words";
  for (const SourceSpec& s : sources_to_learn_from(recipe)) {
    key += fmt::format("|{}:{}:{}:{}:{}:{}:{}:{}:{}:{}:{}", s.name, static_cast<int>(s.kind), s.path.string(),
                       s.max_megabytes, s.max_document_bytes, s.max_turns, s.validation, s.validation_tail, s.documents,
                       s.seed, s.skip_bad_lines);
    for (const auto* list : {&s.include, &s.exclude, &s.exclude_ids}) {
      key += '/';
      for (const auto& item : *list) key += item + ',';
    }
    for (const auto& [kind, share] : s.tasks) key += fmt::format("|{}={}|{}", kind, share, s.max_thinking_bytes);
    if (s.without_thinking > 0) key += fmt::format("|without {}", s.without_thinking);
    std::error_code ignored;
    if (s.path.empty()) continue;
    key += fmt::format("|{}|{}", std::filesystem::file_size(s.path, ignored),
                       std::filesystem::last_write_time(s.path, ignored).time_since_epoch().count());
  }
  return fmt::format("{:016x}\n", mix(fnv1a(key)));
}

struct Learnt {
  int64_t documents = 0;
  double megabytes = 0;
};

Learnt read_texts(const std::vector<SourceSpec>& sources, TextQueue& queue) {
  Learnt all;
  for (const SourceSpec& source : sources) {
    const int64_t before = all.documents;
    SourceReport report;
    for_each_document(
        source,
        [&](Document&& d) {
          if (d.validation) return true;
          std::string text = d.words();
          ++all.documents;
          all.megabytes += static_cast<double>(text.size()) / 1e6;
          return queue.put(std::move(text));
        },
        &report);
    if (all.documents == before)
      fail("{}source \"{}\": expected text for the tokenizer, found none: {}", source.where_prefix(), source.name,
           report.text());
  }
  return all;
}

Tokenizer learn_tokenizer(const Recipe& recipe) {
  const TokenizerSpec& spec = recipe.tokenizer;
  BpeTrainingOptions options;
  options.pre_tokenizer = spec.pre_tokenizer;
  options.eos = chat::kEosText;
  if (spec.bytes_only) {
    options.specials = {chat::kEosText};
    options.vocab_size = 256 + 1;
    return train_bpe([](std::string&) { return false; }, options);
  }
  options.vocab_size = spec.vocab;
  options.words_only = spec.merge_words_only;
  options.specials = chat::chat_specials();
  options.bos = chat::kBosText;
  options.chat_template = chat::chat_template_text(spec.thinking);
  log_info("learning a tokenizer of {} tokens", spec.vocab);
  TextQueue queue;
  Learnt learnt;
  Tokenizer tokenizer;
  {
    const std::jthread reader([&] {
      try {
        learnt = read_texts(sources_to_learn_from(recipe), queue);
        queue.end();
      } catch (...) {
        queue.end(std::current_exception());
      }
    });
    try {
      tokenizer = train_bpe([&](std::string& text) { return queue.next(text); }, options);
    } catch (...) {
      queue.close();
      throw;
    }
  }
  log_info("the tokenizer has {} tokens, learnt from {} documents, {:.1f} MB", tokenizer.vocab_size(), learnt.documents,
           learnt.megabytes);
  return tokenizer;
}

// The learnt one of this key, or nothing when there is none or it is damaged.
std::optional<Tokenizer> read_learnt(const Path& folder, const std::string& key) {
  std::error_code ignored;
  const Path key_file = folder / "recipe_key";
  if (!std::filesystem::exists(key_file, ignored)) return std::nullopt;
  try {
    if (read_file(key_file) != key) return std::nullopt;
    return Tokenizer::from_hf_folder(folder);
  } catch (const Error& error) {
    log_warning("{}; the tokenizer is learnt again", error.what());
    return std::nullopt;
  }
}

}  // namespace

void check_sources(const Recipe& recipe) {
  for (const SourceSpec& source : recipe.sources) {
    const bool trained_on = is_trained_on(recipe, source);
    if (!trained_on && !is_learnt_from(recipe, source)) {
      log_warning("{}source \"{}\" is in no stage: it is not read", source.where_prefix(), source.name);
      continue;
    }
    if (trained_on && source.kind != SourceKind::text && recipe.tokenizer.bytes_only) {
      fail(
          "{}source \"{}\": expected kind = \"text\" with bytes_only = true, which has no chat template; found "
          "dialogues",
          source.where_prefix(), source.name);
    }
    if (source.kind == SourceKind::reason)
      check_reason_source(source);
    else if (!source.made_up())
      check_source(source);
  }
}

Tokenizer run_tokenizer(const Recipe& recipe) {
  if (!recipe.tokenizer.from.empty()) return weights::load_tokenizer(model_named(recipe, recipe.tokenizer.from));
  const Path folder = recipe.output / "tokenizer";
  const std::string key = learning_key(recipe);
  if (auto found = read_learnt(folder, key)) return *found;
  const Tokenizer tokenizer = learn_tokenizer(recipe);
  keep_tokenizer(recipe, tokenizer);  // before the folder of the old one is overwritten
  make_folder(folder);
  tokenizer.save_hf_folder(folder);
  write_file_whole(folder / "recipe_key", key);
  return Tokenizer::from_hf_folder(folder);
}

void keep_tokenizer(const Recipe& recipe, const Tokenizer& tokenizer) {
  const Path file = recipe.output / "tokenizer_id";
  const std::string id = fmt::format("{:016x}\n", tokenizer_hash(tokenizer));
  std::error_code ignored;
  const bool known = std::filesystem::exists(file, ignored);
  if (known && read_file(file) == id) return;
  const auto checkpoints = list_checkpoints(recipe.output);
  if (known && !checkpoints.empty()) {
    fail(
        "{}: [tokenizer]: this is another tokenizer than the one that {} was trained with, so its ids mean other "
        "texts; the "
        "recipe, or the data that the tokenizer is learnt from, has changed since: restore it, or start a new run in "
        "another output",
        recipe.file.string(), checkpoints.back().filename().string());
  }
  write_file_whole(file, id);
}

}  // namespace hadal
