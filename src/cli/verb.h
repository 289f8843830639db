// The verbs of the command line: `hadal VERB ...`. One file per verb; the table stands in main.cc.
//
// A command gets its own arguments, argv[0] being "hadal VERB", and returns the exit code: 0 ok, 1 failure, 2 usage, 3
// stopped by a signal and resumable (verbs that train). It may throw Error, which main() prints and turns into 1
// (UsageError into 2). Standard output belongs to answers, and with --json to one JSON document; everything else goes
// to standard error.
#pragma once

#include <span>
#include <string_view>

#include "base/error.h"

namespace hadal {

// A mistake on the command line that is found behind its parser: main() turns it into 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

struct Verb {
  std::string_view name, summary;
  int (*run)(int argc, char** argv);
};

// A verb that is itself a table of commands ("hadal market"): runs the one that argv[1] names, or prints the help; 2
// for another one. `about`: "from files of prices to ...".
int run_command_of(std::string_view verb, std::string_view about, std::span<const Verb> commands, int argc,
                   char** argv);

int bench_command(int argc, char** argv);
int chat_command(int argc, char** argv);
int cluster_command(int argc, char** argv);
int detokenize_command(int argc, char** argv);
int distill_command(int argc, char** argv);
int eval_command(int argc, char** argv);
int export_command(int argc, char** argv);
int generate_command(int argc, char** argv);
int idea_command(int argc, char** argv);
int index_command(int argc, char** argv);
int inspect_command(int argc, char** argv);
int logits_command(int argc, char** argv);
int logprobs_command(int argc, char** argv);
int market_command(int argc, char** argv);
int models_command(int argc, char** argv);
int pull_command(int argc, char** argv);
int quantize_command(int argc, char** argv);
int reason_data_command(int argc, char** argv);
int render_command(int argc, char** argv);
int research_command(int argc, char** argv);
int rl_command(int argc, char** argv);
int serve_command(int argc, char** argv);
int tokenize_command(int argc, char** argv);
int train_command(int argc, char** argv);
int verify_command(int argc, char** argv);
int web_command(int argc, char** argv);

}  // namespace hadal
