// A conversation in the terminal, or line by line through a pipe.
#include <editline/readline.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <iostream>

#include "assistant/assistant.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/options.h"
#include "cli/verb.h"

namespace hadal {
namespace {

// Ctrl-C ends the answer that is being written, or empties the line; a second one, before the first had effect on an
// answer, ends the program.
std::atomic<bool> interrupted = false, answering = false;

void on_interrupt(int) {
  if (interrupted.exchange(true) && answering) ::_exit(130);
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
  Input() : terminal_(::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0) {
    if (!terminal_) return;
    std::setlocale(LC_ALL, "");
    ::using_history();
    ::stifle_history(1000);
    if (const char* home = std::getenv("HOME"); home != nullptr) {
      history_file_ = (Path(home) / ".hadal_history").string();
      ::read_history(history_file_.c_str());
    }
  }
  ~Input() {
    if (history_file_.empty()) return;
    const mode_t before = ::umask(077);  // nobody else's business
    ::write_history(history_file_.c_str());
    ::umask(before);
  }
  bool terminal() const { return terminal_; }

  bool next(std::string& line) {
    if (!terminal_) return static_cast<bool>(std::getline(std::cin, line));
    interrupted = false;
    char* text = ::readline("> ");
    if (text == nullptr) {  // Ctrl-D, or Ctrl-C
      line.clear();
      return interrupted;
    }
    line = text;
    std::free(text);
    if (!line.empty()) ::add_history(line.c_str());
    return true;
  }

 private:
  bool terminal_;
  std::string history_file_;
};

class Chat {
 public:
  Chat(Engine& engine, const SamplingFlags& sampling, const std::string& system, bool quiet)
      : assistant_(engine), engine_(engine), sampling_(sampling), quiet_(quiet) {
    if (!system.empty()) messages_.push_back({"system", system});
    num_system_ = messages_.size();
  }

  void start_over() { messages_.resize(num_system_); }

  // False when the answer could not be given; the message is then forgotten.
  bool say(const std::string& text) {
    messages_.push_back({"user", text});
    try {
      make_fit();
      const InterruptGuard guard;
      const GenerateResult result = assistant_.answer(messages_, sampling_.request(), [&](std::string_view piece) {
        if (!quiet_) print_answer(piece);
        return !interrupted.load();
      });
      messages_.push_back({"assistant", result.text});
      if (!quiet_) print_text(result.finish == FinishReason::length ? " [...]\n" : "\n");
      return true;
    } catch (const Error& e) {
      messages_.pop_back();
      log_error("{}", e.what());
      return false;
    }
  }

  OrderedJson as_json() const {
    OrderedJson list = OrderedJson::array();
    for (const auto& message : messages_) list.push_back({{"role", message.role}, {"content", message.content}});
    return {{"messages", list}};
  }

 private:
  // Forgets the oldest turns of a conversation that has outgrown the context; a quarter of it is for the answer.
  void make_fit() {
    const int64_t limit = engine_.max_context() * 3 / 4;
    bool forgot = false;
    while (messages_.size() > num_system_ + 2 && static_cast<int64_t>(assistant_.prompt(messages_).size()) > limit) {
      messages_.erase(messages_.begin() + static_cast<int64_t>(num_system_), messages_.begin() + static_cast<int64_t>(num_system_) + 2);
      forgot = true;
    }
    if (forgot) log_warning("the conversation has outgrown the context of {} tokens; its beginning is forgotten", engine_.max_context());
  }

  Assistant assistant_;
  Engine& engine_;
  const SamplingFlags& sampling_;
  bool quiet_;
  std::vector<Message> messages_;
  size_t num_system_ = 0;
};

void converse(Chat& chat, Input& input, bool& failed) {
  static constexpr std::string_view kHelp = "/new starts over, /quit or Ctrl-D leaves, Ctrl-C stops an answer\n";
  std::string line;
  while (input.next(line)) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (line == "/quit" || line == "/exit") return;
    if (line == "/new") {
      chat.start_over();
    } else if (line == "/help") {
      fmt::print(stderr, "{}", kHelp);
    } else if (!chat.say(line)) {
      failed = true;
    }
  }
  if (input.terminal()) print_text("\n");
}

}  // namespace

int chat_command(int argc, char** argv) {
  CLI::App app("Talk with a model. Ctrl-C stops an answer, Ctrl-D leaves; lines from a pipe are answered one by one.");
  std::string model, system;
  bool json = false;
  SamplingFlags sampling;
  EngineFlags engine_flags;
  add_model_option(app, model);
  app.add_option("--system", system, "instructions that stand before the conversation");
  sampling.add_to(app);
  engine_flags.add_to(app);
  add_common_options(app, &json);
  if (const auto code = parse_options(app, argc, argv)) return *code;
  check(sampling.options);

  const LoadedModel loaded = load_model(model, LoadAs::frozen, engine_flags.plan(1));
  sampling.take_advice(app, loaded.advice);
  Engine engine(loaded.model, loaded.tokenizer, engine_flags.options(loaded, 1));
  Chat chat(engine, sampling, system, json);
  struct sigaction action = {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  Input input;
  if (input.terminal()) fmt::print(stderr, "{}: write and press Enter; /help shows what else there is\n", loaded.name);
  bool failed = false;
  converse(chat, input, failed);
  if (json) print_json(chat.as_json());
  log_expert_cache(loaded);
  return failed && !input.terminal() ? 1 : 0;
}

}  // namespace hadal
