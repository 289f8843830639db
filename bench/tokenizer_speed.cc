// How fast is the tokenizer? Trains on a text and encodes it on one core.
// Usage: tokenizer_speed TEXT [VOCABULARY [FOLDER]]   TEXT: plain, or JSON Lines with a field "text" (.jsonl,
// .jsonl.zst). FOLDER: a Hugging Face folder whose tokenizer encodes instead. Prints CSV: question, MB, seconds, MB per
// second.
#include <chrono>
#include <cstdio>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "tokenizer/tokenizer.h"

namespace {

std::vector<std::string> read_texts(const hadal::Path& path) {
  std::vector<std::string> texts;
  const bool json = path.string().find(".jsonl") != std::string::npos;
  hadal::for_each_line(path, [&](std::string_view line, int64_t) {
    texts.push_back(json ? hadal::parse_json(line, path.string()).value("text", "") : std::string(line) + "\n");
    return true;
  });
  return texts;
}

template <typename F>
void measure(const char* question, double bytes, F&& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%s,%.2f,%.3f,%.2f\n", question, bytes / 1e6, seconds, bytes / 1e6 / seconds);
  std::fflush(stdout);
}

int run(int argc, char** argv) {
  if (argc < 2) hadal::fail("usage: tokenizer_speed TEXT [VOCABULARY [FOLDER]]");
  const std::vector<std::string> texts = read_texts(argv[1]);
  double bytes = 0;
  for (const std::string& text : texts) bytes += static_cast<double>(text.size());
  hadal::BpeTrainingOptions options;
  if (argc > 2) options.vocab_size = std::stoll(argv[2]);
  hadal::Tokenizer tokenizer;
  std::printf("question,mb,seconds,mb_per_second\n");
  if (argc > 3) {
    measure("load", 0, [&] { tokenizer = hadal::Tokenizer::from_hf_folder(argv[3]); });
  } else {
    size_t at = 0;
    const auto next = [&](std::string& text) { return at < texts.size() ? (text = texts[at++], true) : false; };
    measure("train", bytes, [&] { tokenizer = hadal::train_bpe(next, options); });
  }
  size_t num_tokens = 0;
  for (int pass = 0; pass < 2; ++pass) {
    measure("encode", bytes, [&] {
      for (const std::string& text : texts) num_tokens += tokenizer.encode(text).size();
    });
  }
  std::printf("# bytes per token: %.3f\n", 2 * bytes / static_cast<double>(num_tokens));
  const std::string hostile(10'000'000, 'a');
  measure("encode_10mb_of_a", 1e7, [&] { num_tokens += tokenizer.encode(hostile).size(); });
  return num_tokens == 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const hadal::Error& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
