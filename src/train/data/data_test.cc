// Documents, token caches and mixtures: what reaches the model is what the source holds, borders, masks and all.
#include <cstring>
#include <map>
#include <set>

#include "base/hash.h"
#include "train/data/documents.h"
#include "train/data/mixture.h"
#include "train/data/token_lengths.h"
#include "train/testing/test_support.h"

namespace hadal {
namespace {

using test::error_of;
using test::expect_contains;
using test::TemporaryFolder;

SourceSpec text_source(const Path& path) {
  SourceSpec s;
  s.name = "text";
  s.path = path;
  s.validation = 0;
  return s;
}

std::string lines(int count) {
  std::string out;
  for (int i = 0; i < count; ++i)
    out += fmt::format(
        "{{\"id\":\"d-{}\",\"source\":\"s{}\",\"text\":\"the cat number {} sat on the mat and the dog\"}}\n", i, i % 2,
        i);
  return out;
}

const char* const kChat =
    "{\"source\":\"x\",\"messages\":[{\"role\":\"user\",\"content\":\"what is the "
    "cat?\"},{\"role\":\"assistant\",\"content\":\"the cat is Tom.\"},"
    "{\"role\":\"user\",\"content\":\"and the dog?\"},{\"role\":\"assistant\",\"content\":\"the dog sat on the "
    "log.\"}]}\n";

std::string decode_targets(const Tokenizer& t, const TrainingBatch& b, bool learnt) {
  std::vector<TokenId> ids;
  for (size_t i = 0; i < b.targets.size(); ++i) {
    if ((b.weights[i] > 0) == learnt) ids.push_back(b.targets[i]);
  }
  return t.decode(ids);
}

TEST(Documents, FiltersByIdAndSourceAndSplitsByContent) {
  const TemporaryFolder folder;
  SourceSpec s = text_source(folder.file("a.jsonl", lines(200)));
  auto count = [&] {
    int n = 0, held = 0;
    for_each_document(s, [&](Document&& d) { return ++n, held += d.validation, true; });
    return std::pair(n, held);
  };
  EXPECT_EQ(count().first, 200);
  s.include = {"s1"};
  EXPECT_EQ(count().first, 100);
  s.include.clear();
  s.exclude_ids = {"d-1*", "d-5"};
  EXPECT_EQ(count().first, 200 - 111 - 1);
  s.exclude_ids.clear();
  s.validation = 0.2;
  EXPECT_GT(count().second, 20);
  EXPECT_LT(count().second, 60);
  s.max_megabytes = 0.002;
  EXPECT_LT(count().first, 60);
  EXPECT_GT(count().first, 30);
}

TEST(Documents, LinesThatNestTooDeepAreRefused) {
  const TemporaryFolder folder;
  for (const size_t levels : {size_t{10}, size_t{1000}, size_t{1'000'000}}) {
    for (const char* before : {"{\"text\": ", "{\"text\": \"x\", \"source\": ", ""}) {
      const std::string line = before + std::string(levels, '[') + std::string(levels, ']') + (*before ? "}" : "");
      const SourceSpec s = text_source(folder.file("deep.jsonl", line + "\n"));
      const std::string message = error_of([&] { for_each_document(s, [](Document&&) { return true; }); });
      if (levels == 10) continue;  // a field that is passed over, or a document that is left out and counted
      expect_contains(message, {"deep.jsonl", "inside each other"});
      EXPECT_LT(message.size(), 600u);
    }
  }
}

TEST(Documents, ErrorsNameFileLineAndField) {
  const TemporaryFolder folder;
  auto error = [&](const std::string& content) {
    const SourceSpec s = text_source(folder.file("bad.jsonl", content));
    return error_of([&] { for_each_document(s, [](Document&&) { return true; }); });
  };
  expect_contains(error("{\"text\":\"a\"}\n{\"txt\":1}\n"), {"bad.jsonl:2", "\"text\"", "found txt", "on_bad_line"});
  expect_contains(error("{\"text\":7}\n"), {"bad.jsonl:1", "expected a string, found number"});
  expect_contains(error("{oops\n"), {"bad.jsonl:1"});
  expect_contains(
      error_of([&] { for_each_document(text_source(folder.path() / "none.txt"), [](Document&&) { return true; }); }),
      {"none.txt", "found no such file"});
}

TEST(Documents, TheTailOfATextIsHeldOut) {
  const TemporaryFolder folder;
  SourceSpec s = text_source(folder.file("a.txt", "0123456789"));
  s.validation_tail = 0.2;
  std::vector<std::string> parts;
  for_each_document(s, [&](Document&& d) { return parts.push_back(d.text + (d.validation ? "!" : "")), true; });
  EXPECT_EQ(parts, (std::vector<std::string>{"01234567", "89!"}));
}

struct Stores {
  TemporaryFolder folder;
  Tokenizer tokenizer = test::tiny_tokenizer();
  ThreadPool pool{2};
  TokenStore open(const SourceSpec& s) { return TokenStore::open(s, tokenizer, folder.path() / "cache", pool); }
  MixtureOptions options(std::vector<double> shares, int64_t length) {
    return {std::move(shares), length, false, 5, tokenizer.bos(), token_lengths(tokenizer, false)};
  }
};

TEST(TokenStore, IsMadeOnceAndMadeAnewWhenTheSourceChanges) {
  Stores s;
  SourceSpec source = text_source(s.folder.file("a.jsonl", lines(50)));
  const TokenStore first = s.open(source);
  EXPECT_EQ(first.num_documents(), 50);
  auto files = [&] { return std::distance(std::filesystem::directory_iterator(s.folder.path() / "cache"), {}); };
  s.open(source);
  EXPECT_EQ(files(), 1);
  source.exclude_ids = {"d-1"};
  EXPECT_EQ(s.open(source).num_documents(), 49);
  EXPECT_EQ(files(), 2);
  std::vector<TokenId> ids;
  for (const StoredToken t : first.document(3)) ids.push_back(t.id());
  EXPECT_EQ(s.tokenizer.decode(ids), std::string("the cat number 3 sat on the mat and the dog") + chat::kEosText);
}

TEST(TokenStore, MakesADamagedCacheAgain) {
  Stores s;
  const SourceSpec source = text_source(s.folder.file("a.jsonl", lines(5)));
  s.open(source);
  const Path file = std::filesystem::directory_iterator(s.folder.path() / "cache")->path();
  const std::string whole = read_file(file);
  const auto expect_made_again = [&](const std::string& damaged) {
    write_file_whole(file, damaged);
    EXPECT_EQ(s.open(source).num_documents(), 5);
    EXPECT_TRUE(read_file(file) == whole);
  };
  for (const size_t size : {size_t{0}, size_t{3}, size_t{100}, whole.size() - 8, whole.size() - 1})
    expect_made_again(whole.substr(0, size));
  expect_made_again(whole + "x");
  expect_made_again(whole + std::string(8, '\0'));
  expect_made_again(std::string(whole.size(), '\xff'));
  uint64_t key = 0;
  std::memcpy(&key, whole.data() + whole.size() - 48, sizeof key);
  EXPECT_EQ(error_of([&] { TokenFile(file, key, s.tokenizer.vocab_size()); }), "");
  for (size_t i = 0; i < whole.size(); i += 17) {  // a bit anywhere
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ (1 << (i % 8)));
    write_file_whole(file, flipped);
    EXPECT_NE(error_of([&] { TokenFile(file, key, s.tokenizer.vocab_size()); }), "") << i;
  }
  expect_made_again(std::string(1, static_cast<char>(whole[0] ^ 1)) + whole.substr(1));
}

TEST(TokenFile, HasIdsBelowItsVocabularyAndIsOfItsKey) {
  const TemporaryFolder folder;
  const Path file = folder.path() / "a.tokens";
  const std::vector<StoredToken> tokens = {{5, true, false}, {7, false, true}};
  const auto write = [&](int64_t vocab) {
    TokenFileWriter out(file, 42, vocab);
    out.add(tokens, false);
    out.add(tokens, true);
    out.commit("said");
  };
  write(8);
  const TokenFile good(file, 42, 8);
  EXPECT_EQ(good.tokens().size(), 4u);
  EXPECT_EQ(good.tokens()[1].id(), 7);
  EXPECT_EQ(good.validation()[1], 1);
  EXPECT_EQ(good.report(), "said");
  expect_contains(error_of([&] { TokenFile(file, 43, 8); }), {"a.tokens", "of another"});
  expect_contains(error_of([&] { TokenFile(file, 42, 9); }), {"a.tokens", "of another"});
  // A well-formed file whose ids are too large for the vocabulary that it states.
  write(9);
  std::string bytes = read_file(file);
  const size_t footer = bytes.size() - 56;
  bytes[footer + 16] = 7;
  const uint32_t crc = crc32c(bytes.data() + footer, 52);
  bytes.replace(bytes.size() - 4, 4, reinterpret_cast<const char*>(&crc), 4);
  write_file_whole(file, bytes);
  expect_contains(error_of([&] { TokenFile(file, 42, 7); }), {"a.tokens", "id 7"});
}

TEST(TokenStore, RefusesAnEmptySource) {
  Stores s;
  SourceSpec source = text_source(s.folder.file("a.jsonl", lines(5)));
  source.include = {"nobody"};
  expect_contains(error_of([&] { s.open(source); }), {"\"text\"", "found none"});
}

TEST(Mixture, EveryPieceOfAnEpochComesOnceWithBosAndItsOwnPositions) {
  Stores s;
  const TokenStore store = s.open(text_source(s.folder.file("a.jsonl", lines(30))));
  Mixture mixture({&store}, s.options({1}, 8));
  std::multiset<std::string> seen;
  int64_t tokens = 0;
  while (mixture.state()[0].at("epoch") == 0) {
    const TrainingBatch b = mixture.next(64);
    ASSERT_LE(b.num_tokens(), 64);
    ASSERT_EQ(b.batch.offsets.back(), b.num_tokens());
    for (size_t q = 0; q + 1 < b.batch.offsets.size(); ++q) {
      const auto begin = static_cast<size_t>(b.batch.offsets[q]), end = static_cast<size_t>(b.batch.offsets[q + 1]);
      ASSERT_LE(end - begin, 8u);
      EXPECT_EQ(b.batch.ids[begin], s.tokenizer.bos());
      for (size_t i = begin; i < end; ++i) EXPECT_EQ(b.batch.positions[i], static_cast<int32_t>(i - begin));
      for (size_t i = begin; i + 1 < end; ++i) EXPECT_EQ(b.batch.ids[i + 1], b.targets[i]);
    }
    tokens += b.num_tokens();
    seen.insert(decode_targets(s.tokenizer, b, true));
  }
  EXPECT_GT(seen.size(), 1u);
  int64_t dropped = 0;  // a last piece of one token is left out
  for (int64_t d = 0; d < store.num_documents(); ++d) dropped += store.document(d).size() % 8 == 1;
  EXPECT_GE(tokens, store.num_tokens() - dropped);
}

TEST(Mixture, LearnsTheAssistantOnlyWhenAsked) {
  Stores s;
  SourceSpec source = text_source(s.folder.file("c.jsonl", kChat));
  source.kind = SourceKind::chat;
  const TokenStore store = s.open(source);
  MixtureOptions options = s.options({1}, 200);
  options.assistant_only = true;
  const TrainingBatch b = Mixture({&store}, options).next(1);
  EXPECT_EQ(decode_targets(s.tokenizer, b, true),
            std::string("the cat is Tom.") + chat::kEosText + "the dog sat on the log." + chat::kEosText);
  EXPECT_EQ(b.target_bytes, 15 + 23);
  EXPECT_EQ(b.batch.ids[0], s.tokenizer.bos());
  options.assistant_only = false;
  EXPECT_EQ(decode_targets(s.tokenizer, Mixture({&store}, options).next(1), false), "");
}

TEST(Mixture, JoinedDialoguesAreOneConversationOfTheTemplate) {
  Stores s;
  SourceSpec source = text_source(s.folder.file("c.jsonl", kChat));
  source.kind = SourceKind::chat;
  const TokenStore store = s.open(source);
  MixtureOptions options = s.options({1}, 200);
  options.assistant_only = true;
  const TrainingBatch apart = Mixture({&store}, options).next(150);
  options.join = 1;
  const TrainingBatch joined = Mixture({&store}, options).next(150);
  ASSERT_GT(apart.batch.offsets.size(), 2u);  // the same dialogue several times
  ASSERT_EQ(joined.batch.offsets.size(), 2u);
  EXPECT_EQ(joined.batch.ids.size(), apart.batch.ids.size());
  EXPECT_EQ(joined.targets, apart.targets);
  EXPECT_EQ(joined.weights, apart.weights);
  for (size_t i = 0; i < joined.batch.ids.size(); ++i) {
    EXPECT_EQ(joined.batch.positions[i], static_cast<int32_t>(i));
    if (i > 0) {
      EXPECT_EQ(joined.batch.ids[i], joined.targets[i - 1]);  // one unbroken text, with a single begin token
    }
  }
  options.sequence_length = static_cast<int64_t>(apart.batch.offsets[1]) + 3;  // no room for a second one
  EXPECT_EQ(Mixture({&store}, options).next(150).batch.offsets, apart.batch.offsets);
}

// ChatML and others have no begin token: a dialogue's first token is the mark of a role, and stays.
TEST(Mixture, JoinedDialoguesKeepTheirFirstTokenWhereItIsNoBeginToken) {
  Stores s;
  TokenizerParts parts = s.tokenizer.parts();
  parts.add_bos = false;
  parts.chat_template =
      "{% for m in messages %}{{ '<｜User｜>' if m.role == 'user' else '<｜Assistant｜>' }}{{ m.content }}{{ eos_token "
      "}}\n{% endfor %}"
      "{% if add_generation_prompt %}<｜Assistant｜>{% endif %}";
  s.tokenizer = Tokenizer::from_parts(std::move(parts), "test");
  SourceSpec source = text_source(s.folder.file("c.jsonl", kChat));
  source.kind = SourceKind::chat;
  const TokenStore store = s.open(source);
  MixtureOptions options = s.options({1}, 300);
  options.join = 1;
  const TrainingBatch joined = Mixture({&store}, options).next(120);
  ASSERT_EQ(joined.batch.offsets.size(), 2u);
  EXPECT_LE(joined.num_tokens(), 120);
  const auto dialogue = store.document(0);
  ASSERT_GE(joined.batch.ids.size(), 2 * dialogue.size() - 1);
  for (size_t i = 0; i < joined.batch.ids.size(); ++i) {
    EXPECT_EQ(joined.batch.ids[i], dialogue[i % dialogue.size()].id()) << i;  // the same dialogue, whole, over and over
    EXPECT_EQ(joined.targets[i], dialogue[(i + 1) % dialogue.size()].id()) << i;
    EXPECT_EQ(joined.batch.positions[i], static_cast<int32_t>(i));
    EXPECT_EQ(joined.weights[i], 1.0f);
  }
}

TEST(Mixture, KeepsTheSharesOfTokens) {
  Stores s;
  SourceSpec a = text_source(s.folder.file("a.jsonl", lines(40))), b = text_source(s.folder.file("b.jsonl", lines(90)));
  b.name = "other";
  const TokenStore first = s.open(a), second = s.open(b);
  Mixture mixture({&first, &second}, s.options({3, 1}, 16));
  for (int i = 0; i < 100; ++i) mixture.next(128);
  const Json state = mixture.state();
  const double ratio = state[0]["tokens"].get<double>() / state[1]["tokens"].get<double>();
  EXPECT_NEAR(ratio, 3.0, 0.1);
}

TEST(Mixture, GoesOnWhereItsStateSays) {
  Stores s;
  const TokenStore store = s.open(text_source(s.folder.file("a.jsonl", lines(30))));
  Mixture one({&store}, s.options({1}, 8)), two({&store}, s.options({1}, 8));
  for (int i = 0; i < 13; ++i) one.next(64);
  two.restore(one.state(), "state.json");
  for (int i = 0; i < 20; ++i) EXPECT_EQ(one.next(64).batch.ids, two.next(64).batch.ids);
  Mixture other({&store}, s.options({1}, 16));
  expect_contains(error_of([&] { other.restore(one.state(), "state.json"); }), {"state.json", "\"text\""});
}

TEST(Mixture, ValidationIsApartFromTraining) {
  Stores s;
  SourceSpec source = text_source(s.folder.file("a.jsonl", lines(100)));
  source.validation = 0.2;
  const TokenStore store = s.open(source);
  Mixture mixture({&store}, s.options({1}, 64));
  std::set<std::string> held, seen;
  mixture.for_validation(0, 1 << 20, 1, [&](TrainingBatch&& b) { held.insert(decode_targets(s.tokenizer, b, true)); });
  while (mixture.state()[0].at("epoch") == 0) seen.insert(decode_targets(s.tokenizer, mixture.next(1), true));
  EXPECT_GT(held.size(), 5u);
  EXPECT_GT(seen.size(), 50u);
  for (const auto& text : held) EXPECT_EQ(seen.count(text), 0u);
}

}  // namespace
}  // namespace hadal
