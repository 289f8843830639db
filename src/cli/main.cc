// hadal VERB ...: finds the verb, runs it, and turns errors into messages and exit codes.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <filesystem>
#include <iterator>
#include <new>
#include <string>

#include "base/error.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "kernels/cpu.h"

namespace hadal {
namespace {

constexpr Verb kVerbs[] = {
    {"chat", "talk with a model in the terminal", chat_command},
    {"serve", "serve a model: a page for the browser, and OpenAI's API", serve_command},
    {"generate", "continue a text", generate_command},
    {"train", "train a model by a recipe", train_command},
    {"reason-data", "the reasoning traces that a recipe trains on, as lines of JSON", reason_data_command},
    {"rl", "teach a model to reason, by rewards for right answers", rl_command},
    {"distill", "train a model on another one's right replies", distill_command},
    {"eval", "measure how good a model is on a file of tasks", eval_command},
    {"verify", "judge replies to verifiable items", verify_command},
    {"research", "answer a question from the web and your documents, every quote checkable", research_command},
    {"market", "test an idea on prices, from the files to the verdict", market_command},
    {"index", "documents of your own, searched", index_command},
    {"web", "addresses and pages of the web, one piece at a time", web_command},
    {"bench", "measure how fast a model runs here", bench_command},
    {"pull", "fetch a model from the hub or from an address", pull_command},
    {"models", "list, remove and rename the models on this disk", models_command},
    {"idea", "submit ideas to a cluster, and see what comes of them", idea_command},
    {"cluster", "machines that are shared, and what runs on them", cluster_command},
    {"inspect", "show what a model is made of", inspect_command},
    {"tokenize", "text to token ids", tokenize_command},
    {"detokenize", "token ids to text", detokenize_command},
    {"render", "a conversation as the model sees it", render_command},
    {"logits", "what a model says about given tokens", logits_command},
    {"logprobs", "log-probabilities of given tokens, as sampled or as trained on", logprobs_command},
    {"export", "write a model in another format", export_command},
    {"quantize", "write a model as a smaller GGUF file", quantize_command},
};

std::string help() {
  std::string text =
      "hadal: train, run and serve language models on your own machine\n\nusage: hadal VERB [options]\n\n";
  for (const Verb& verb : kVerbs) text += fmt::format("  {:<12}{}\n", verb.name, verb.summary);
  return text + "\n  hadal VERB --help   the options of a verb\n  hadal --version     the version\n";
}

// A closed standard stream would give its number to the next file that is opened, and log lines would be written into
// that.
void open_standard_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDWR));  // the lowest free number: this one
  }
}

void complain(const std::string& name,
              const std::string& what) {  // never throws, as fmt::print does where nobody reads
  const std::string line = without_controls(fmt::format("{}: {}\n", name, what));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

int run_verb(const Verb& verb, int argc, char** argv) {
  std::string name = fmt::format("hadal {}", verb.name);
  argv[0] = name.data();
  try {
    cpu_level();  // a wrong HADAL_CPU is said here, once; an engine's thread would log it and its caller say it again
    return verb.run(argc, argv);
  } catch (const UsageError& e) {
    complain(name, e.what());
    return 2;
  } catch (const std::bad_alloc&) {
    complain(name, verb.name == "market" ? "out of memory; take fewer instruments, fewer factors or a shorter time"
                                         : "out of memory; take a smaller model, a smaller batch or a shorter context");
  } catch (const std::filesystem::filesystem_error& e) {
    complain(name, fmt::format("{}: {}", e.path1().string(), e.code().message()));
  } catch (const std::exception& e) {
    complain(name, e.what());
  }
  return 1;
}

}  // namespace
}  // namespace hadal

int main(int argc, char** argv) {
  hadal::open_standard_streams();
  const std::string_view name = argc > 1 ? argv[1] : "--help";
  if (name == "--help" || name == "-h" || name == "help") {
    fmt::print("{}", hadal::help());
    return 0;
  }
  if (name == "--version") {
    fmt::print("hadal {}\n", HADAL_VERSION);
    return 0;
  }
  for (const auto& verb : hadal::kVerbs)
    if (verb.name == name) return hadal::run_verb(verb, argc - 1, argv + 1);
  fmt::print(stderr, "hadal: expected a verb, found \"{}\"\n\n{}", name, hadal::help());
  return 2;
}
