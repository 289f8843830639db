#include "cli/research_model.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "base/digest.h"
#include "base/error.h"
#include "base/text.h"

namespace hadal {
namespace {

class AssistantWriter : public research::Writer {
 public:
  AssistantWriter(Engine& engine, const Assistant& assistant, std::string name, std::string fingerprint)
      : engine_(engine), assistant_(assistant), name_(std::move(name)), fingerprint_(std::move(fingerprint)) {}

  std::string name() const override { return name_; }
  std::string fingerprint() const override { return fingerprint_; }
  int64_t max_context() const override { return engine_.max_context(); }
  int64_t count_tokens(const chat::Conversation& conversation) const override {
    return static_cast<int64_t>(assistant_.prompt(conversation).ids.size());
  }

  research::ModelReply answer(const chat::Conversation& conversation, const Json&, std::string_view, int64_t max_tokens,
                              int64_t think_tokens, uint64_t seed, const std::function<bool()>& stopped) override {
    GenerateRequest request;
    request.sampling.temperature = 0;
    request.sampling.seed = seed;
    const int64_t thoughts = assistant_.can_think() ? think_tokens : 0;
    const int64_t room = engine_.max_context() - count_tokens(conversation);
    request.max_tokens = std::min(max_tokens + thoughts, room);
    request.think_tokens = std::clamp<int64_t>(request.max_tokens - max_tokens, 0, thoughts);
    PendingAnswer pending = assistant_.submit(conversation, std::move(request));
    while (!pending.generation.wait_for(std::chrono::milliseconds(100)))
      if (stopped && stopped()) pending.generation.cancel();
    const Answer answer = pending.wait();
    return {std::string(answer.message.text()), answer.message.reasoning.value_or(""), answer.result.prompt_tokens,
            answer.result.answer_tokens, answer.result.finish == FinishReason::length};
  }

 private:
  Engine& engine_;
  const Assistant& assistant_;
  std::string name_, fingerprint_;
};

// The model, and all that it needs.
class LocalWriter : public research::Writer {
 public:
  LocalWriter(const std::string& model, const EngineFlags& flags)
      : loaded_(weights::load_model(model, weights::LoadAs::frozen, flags.plan(1))),
        engine_(loaded_.model, loaded_.tokenizer, flags.options(loaded_, 1)),
        assistant_(engine_),
        writer_(engine_, assistant_, loaded_.name, weights_fingerprint(model)) {}

  std::string name() const override { return writer_.name(); }
  std::string fingerprint() const override { return writer_.fingerprint(); }
  int64_t max_context() const override { return writer_.max_context(); }
  int64_t count_tokens(const chat::Conversation& conversation) const override {
    return writer_.count_tokens(conversation);
  }
  research::ModelReply answer(const chat::Conversation& conversation, const Json& schema, std::string_view slot,
                              int64_t max_tokens, int64_t think_tokens, uint64_t seed,
                              const std::function<bool()>& stopped) override {
    return writer_.answer(conversation, schema, slot, max_tokens, think_tokens, seed, stopped);
  }

 private:
  weights::LoadedModel loaded_;
  Engine engine_;
  Assistant assistant_;
  AssistantWriter writer_;
};

}  // namespace

std::unique_ptr<research::Writer> assistant_writer(Engine& engine, const Assistant& assistant, std::string name,
                                                   std::string fingerprint) {
  return std::make_unique<AssistantWriter>(engine, assistant, std::move(name), std::move(fingerprint));
}

std::unique_ptr<research::Writer> local_writer(const std::string& model, const EngineFlags& flags) {
  return std::make_unique<LocalWriter>(model, flags);
}

std::vector<std::string> research_source_list(const std::vector<std::string>& options) {
  std::vector<std::string> sources;
  for (const std::string& list : options)
    for (const std::string& source : split(list, ','))
      if (!source.empty()) sources.push_back(source);
  return sources;
}

std::string weights_fingerprint(const std::string& model) {
  const weights::ModelFiles files = weights::find_model(model);
  Digest digest;
  const auto add = [&](const Path& file) {
    std::error_code none;
    const auto size = std::filesystem::file_size(file, none);
    if (none) return;
    digest.add(fmt::format("{} {} ", file.filename().string(), size));
    // Large files by their first and last bytes: to read all of them takes longer than to ask the model.
    const MappedFile mapped(file);
    const auto bytes = mapped.bytes();
    const size_t edge = std::min<size_t>(bytes.size(), 1 << 20);
    digest.add(bytes.data(), edge);
    digest.add(bytes.data() + bytes.size() - edge, edge);
  };
  if (std::filesystem::is_directory(files.path)) {
    std::set<Path> names;
    for (const auto& entry : std::filesystem::directory_iterator(files.path))
      if (const std::string end = entry.path().extension().string();
          end == ".safetensors" || end == ".gguf" || end == ".json")
        names.insert(entry.path());
    for (const Path& name : names) add(name);
  } else {
    add(files.path);
  }
  return fmt::format("{}:{}", files.name, digest.hex().substr(0, 32));
}

}  // namespace hadal
