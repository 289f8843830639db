// A conversation in the terminal, or line by line through a pipe: with a model in this process, or with a running
// server.
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "cli/api_keys.h"
#include "cli/chat_model.h"
#include "cli/line_editor.h"
#include "cli/reply_printer.h"
#include "cli/research_line.h"
#include "cli/research_model.h"
#include "cli/verb.h"
#include "cli/votes.h"

namespace hadal {
namespace {

// Ctrl-C ends the answer that is being written, or empties the line; a second one, before the first had effect on an
// answer, ends the program.
std::atomic<bool> interrupted = false, answering = false;

void on_interrupt(int) {
  if (interrupted.exchange(true) && answering) {
    ReplyPrinter::give_colours_back();
    LineEditor::give_terminal_back();
    ::_exit(130);
  }
  LineEditor::interrupt();
}

class InterruptGuard {
 public:
  InterruptGuard() {
    interrupted = false;
    answering = true;
  }
  ~InterruptGuard() { answering = false; }
};

// Where lines come from: an editor with history in a terminal, plain lines otherwise.
class Input {
 public:
  Input() {
    if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDOUT_FILENO) == 0) return;
    const char* home = std::getenv("HOME");
    editor_.emplace(home != nullptr ? Path(home) / ".hadal_history" : Path());
  }
  bool terminal() const { return editor_.has_value(); }

  bool next(std::string& line) {
    if (!editor_) return static_cast<bool>(std::getline(std::cin, line));
    interrupted = false;
    std::optional<std::string> text = editor_->read("> ");
    if (text) line = std::move(*text);
    return text.has_value();
  }

 private:
  std::optional<LineEditor> editor_;
};

// The model in this process. Several answers at once share what stands before them in the cache.
class OwnModel : public ChatModel {
 public:
  OwnModel(const std::string& model, const CommandLine& app, SamplingFlags& sampling, const ThinkFlag& think,
           const EngineFlags& flags, int answers)
      : model_(model),
        contexts_(std::min(answers, 4)),
        loaded_(weights::load_model(model, weights::LoadAs::frozen, flags.plan(contexts_))),
        engine_(loaded_.model, loaded_.tokenizer, flags.options(loaded_, contexts_)),
        assistant_(engine_),
        sampling_(sampling),
        think_(think) {
    sampling.take_defaults(app, loaded_.defaults);
  }
  ~OwnModel() override { log_expert_cache(loaded_); }

  std::string name() const override { return loaded_.name; }
  int64_t max_context() const override { return engine_.max_context(); }
  std::unique_ptr<research::Writer> writer() override {
    return assistant_writer(engine_, assistant_, loaded_.name, weights_fingerprint(model_));
  }
  bool fits(const chat::Conversation& conversation) override {
    return static_cast<int64_t>(assistant_.prompt(conversation).ids.size()) <= engine_.max_context() * 3 / 4;
  }
  Answer answer(const chat::Conversation& conversation, const OnDelta& on_delta,
                const std::function<bool()>&) override {
    return taken(assistant_.answer(conversation, request(), on_delta));
  }
  std::vector<Answer> answers(const chat::Conversation& conversation, int count,
                              const std::function<bool()>& stopped) override {
    GenerateRequest request = this->request();
    request.answers = count;
    PendingAnswer pending = assistant_.submit(conversation, std::move(request));
    while (!pending.generation.wait_for(std::chrono::milliseconds(20)))
      if (stopped()) pending.generation.cancel();
    std::vector<Answer> all;
    for (hadal::Answer& answer : pending.wait_all()) all.push_back(taken(std::move(answer)));
    return all;
  }

 private:
  static Answer taken(hadal::Answer answer) {
    return {std::move(answer.message), answer.result.finish == FinishReason::length};
  }
  GenerateRequest request() const {
    GenerateRequest request = sampling_.request();
    request.think_tokens = think_.off ? 0 : think_.tokens;
    return request;
  }

  const std::string model_;
  const int64_t contexts_;  // that the cache holds; more answers share it
  weights::LoadedModel loaded_;
  Engine engine_;
  Assistant assistant_;
  const SamplingFlags& sampling_;
  const ThinkFlag& think_;
};

class Chat {
 public:
  Chat(ChatModel& model, const std::string& system, const ThinkFlag& think, int votes, bool quiet)
      : model_(model), votes_(votes), quiet_(quiet) {
    if (!system.empty()) messages_.push_back({"system", system});
    if (think.off || think.tokens) set_thinking(conversation_, !think.off);
    num_system_ = messages_.size();
  }

  void start_over() {
    messages_.resize(num_system_);
    all_votes_.clear();
  }

  // False when the answer could not be given; the question is then dropped from the conversation.
  bool say(const std::string& text) {
    messages_.push_back({"user", text});
    try {
      bool forgot = false;
      while (can_forget() && !model_.fits(conversation_)) forget_oldest(forgot);
      messages_.push_back(ask(forgot));
      return true;
    } catch (const Error& e) {
      messages_.pop_back();
      log_error("{}", e.what());
      return false;
    }
  }

  OrderedJson as_json() const {
    OrderedJson list = OrderedJson::array();
    for (const auto& message : messages_) list.push_back(to_json(message));
    OrderedJson json = {{"messages", list}};
    if (votes_ > 1) json["votes"] = all_votes_;
    return json;
  }

 private:
  // Shows the answer and returns it.
  chat::Message ask(bool forgot) {
    const InterruptGuard guard;
    ReplyPrinter printer(standard_output_has_colours(), print_answer, print_text);
    for (;;) {
      try {
        return votes_ > 1 ? ask_for_votes(printer) : ask_once(printer);
      } catch (const ContextFull&) {
        if (!can_forget()) throw;
        forget_oldest(forgot);
      }
    }
  }
  static bool stopped() { return interrupted.load(); }

  chat::Message ask_once(ReplyPrinter& printer) {
    const auto on_delta = [&](const chat::ReplyDelta& delta) {
      if (!quiet_) printer.print(delta);
      return !stopped();
    };
    ChatModel::Answer answer = model_.answer(conversation_, on_delta, stopped);
    if (!quiet_) printer.finish(answer.cut ? " [...]" : "");
    return std::move(answer.message);
  }

  chat::Message ask_for_votes(ReplyPrinter& printer) {
    std::vector<ChatModel::Answer> replies = model_.answers(conversation_, votes_, stopped);
    const Votes votes = count_votes(replies);
    const bool cut = replies[votes.winner].cut;
    chat::Message& winner = replies[votes.winner].message;
    all_votes_.push_back({{"agree", votes.agree}, {"of", votes.of}});
    if (!quiet_) {
      if (winner.reasoning) printer.print({.kind = chat::ReplyDelta::Kind::reasoning, .text = *winner.reasoning});
      printer.print({.text = std::string(winner.text())});
      printer.finish(cut ? " [...]" : "");
      printer.remark(fmt::format("{} of {}", votes.agree, votes.of));
    }
    return std::move(winner);
  }

  // A conversation that has outgrown the context loses its oldest turns.
  bool can_forget() const { return messages_.size() > num_system_ + 2; }
  void forget_oldest(bool& forgot) {
    const auto oldest = messages_.begin() + static_cast<int64_t>(num_system_);
    messages_.erase(oldest, oldest + 2);
    if (forgot) return;
    forgot = true;
    log_warning("the conversation has outgrown the context of {} tokens; its beginning is forgotten",
                model_.max_context());
  }

  ChatModel& model_;
  const int votes_;
  const bool quiet_;
  chat::Conversation conversation_;
  std::vector<chat::Message>& messages_ = conversation_.messages;
  size_t num_system_ = 0;
  OrderedJson all_votes_ = OrderedJson::array();  // of each answer
};

// "/word" alone on a line; "/etc/hosts" or "/ 2" are questions.
bool is_command(std::string_view line) {
  if (line.size() < 2 || line[0] != '/') return false;
  return std::ranges::all_of(line.substr(1), [](char c) { return std::isalpha(static_cast<unsigned char>(c)) != 0; });
}

// "/research QUESTION": a small run over the sources that the user named, by the model that he talks with.
bool research_in_chat(ChatModel& model, const std::vector<std::string>& sources, const std::string& question) {
  constexpr research::Budget kSmall = {.tokens = 6'000, .seconds = 90, .pages = 12};
  try {
    if (question.empty()) fail("/research: expected a question, as in: /research Which pump did we choose?");
    if (sources.empty())
      fail("/research: expected sources, found none; start with: hadal chat --research-sources folder:docs");
    const Path runs = research::kRunsFolder;
    research::RunOptions options;
    options.question = question;
    options.sources = sources;
    options.budget = kSmall;
    options.out = runs / research::new_run_id(runs, question);
    const std::unique_ptr<research::Writer> writer = model.writer();
    const InterruptGuard guard;
    ResearchLine line;
    const research::Report report =
        research::research(options, writer.get(), line.hooks([] { return interrupted.load(); }));
    line.clear();
    print_text(research::to_terminal(report, options.out));
    return true;
  } catch (const Error& e) {
    log_error("{}", e.what());
    return false;
  }
}

void converse(Chat& chat, Input& input, ChatModel& model, const std::vector<std::string>& sources, bool& failed) {
  static constexpr std::string_view kHelp =
      "/new starts over, /research QUESTION looks through your sources, /quit or Ctrl-D leaves, Ctrl-C stops an "
      "answer\n";
  static constexpr std::string_view kResearch = "/research";
  std::string line;
  while (input.next(line)) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    while (line.ends_with(' ') || line.ends_with('\r')) line.pop_back();
    if (line == "/quit" || line == "/exit") return;
    if (line == "/new") {
      chat.start_over();
    } else if (line == kResearch || line.starts_with("/research ")) {
      const size_t question = line.find_first_not_of(" \t", kResearch.size());
      if (!research_in_chat(model, sources, question == std::string::npos ? "" : line.substr(question))) failed = true;
    } else if (line == "/help") {
      fmt::print(stderr, "{}", kHelp);
    } else if (input.terminal() && is_command(line)) {
      fmt::print(stderr, "{} is no command ({}); to ask it, put a space before it\n", line,
                 kHelp.substr(0, kHelp.size() - 1));
    } else if (!chat.say(line)) {
      failed = true;
    }
  }
  if (input.terminal()) print_text("\n");
}

}  // namespace

int chat_command(int argc, char** argv) {
  CommandLine app(
      "Talk with a model. Ctrl-C stops an answer, Ctrl-D leaves; lines from a pipe are answered one by one.");
  std::string model, system, server, key_file;
  bool json = false;
  int votes = 1;
  ThinkFlag think;
  SamplingFlags sampling;
  EngineFlags engine_flags;
  add_model_option(app, model);
  app.add_option("--system", system, "instructions that stand before the conversation");
  const Option server_option =
      app.add_option("--server", server, "talk to the model of a running hadal serve: its address");
  app.add_option("--api-key-file", key_file, "the server's key: the first line of this file").needs(server_option);
  think.add_to(app);
  app.add_option("--votes", votes, "ask so many times and show the answer that most agree on").range(1, 128);
  sampling.add_to(app);
  std::vector<std::string> sources;
  app.add_option("--research-sources", sources,
                 "what /research looks through, parted by commas: folder:PATH, index:DIR, searx:URL, mediawiki:URL, "
                 "brave");
  engine_flags.add_to(app);
  add_common_options(app, &json);
  for (const char* flag : {"--model", "--context", "--precision", "--kv-cache", "--expert-cache"})
    server_option.excludes(app.option(flag));  // the server decided these
  if (const auto code = app.parse(argc, argv)) return *code;
  check(sampling.options);

  std::unique_ptr<ChatModel> who;
  if (server.empty()) {
    who = std::make_unique<OwnModel>(model, app, sampling, think, engine_flags, votes);
  } else {
    const std::string key = key_file.empty() ? "" : read_api_keys(key_file).front();
    who = connect_to_server(server, key, app, sampling, think);
  }
  if (votes > 1 && sampling.options.temperature == 0)
    fail("--votes: expected a --temperature above 0, found 0: all answers would be the same");
  Chat chat(*who, system, think, votes, json);
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  Input input;
  if (input.terminal()) fmt::print(stderr, "{}: write and press Enter; /help shows what else there is\n", who->name());
  bool failed = false;
  converse(chat, input, *who, research_source_list(sources), failed);
  if (json) print_json(chat.as_json());
  return failed && !input.terminal() ? 1 : 0;
}

}  // namespace hadal
