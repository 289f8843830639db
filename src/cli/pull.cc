#include "hub/pull.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "hub/download.h"
#include "weights/gguf_model.h"
#include "weights/store.h"

namespace hadal {
namespace {

// "name: file 2 of 5, 1.20 of 8.60 GB, 54.0 MB/s, 2 min 15 s left"; nothing where nobody watches.
class PullLine {
 public:
  void show(const PullProgress& p) {
    if (!terminal_) return;
    const double seconds = started_.seconds();
    const uint64_t before = std::min(p.started_with, p.bytes);
    const double speed = static_cast<double>(p.bytes - before) / std::max(seconds, 0.1);
    std::string text = fmt::format("{}: file {} of {}, {}", p.name, p.file_number, p.num_files, bytes_text(p.bytes));
    const bool known = p.total_bytes >= 0;
    if (known) text += " of " + bytes_text(static_cast<uint64_t>(p.total_bytes));
    text += fmt::format(", {}/s", bytes_text(static_cast<uint64_t>(speed)));
    if (known && speed > 0)
      text += fmt::format(", {} left",
                          duration_text((static_cast<double>(p.total_bytes) - static_cast<double>(p.bytes)) / speed));
    line_.show(text);
  }

 private:
  bool terminal_ = ::isatty(STDERR_FILENO) != 0;
  ProgressLine line_;
  Stopwatch started_;
};

// What would be said when the model is loaded is said before its weights are fetched.
PullJudge judge_of(const std::string& source) {
  const auto judge = [source](auto&& look) {
    try {
      return look();
    } catch (const Error& e) {
      fail("{}: cannot run here, so its weights are not fetched ({}); --anyway fetches them nevertheless", source,
           e.what());
    }
  };
  PullJudge result;
  result.folder = [judge](const Path& folder) {
    judge([&] {
      const Path config = folder / "config.json";
      if (!std::filesystem::exists(config)) fail("expected config.json, found none");
      config_from_json(parse_json(read_file(config, 16 << 20), "config.json"), "config.json");
      weights::load_tokenizer(folder.string());
      return true;
    });
  };
  result.gguf = [judge](const Path& head, uint64_t file_bytes) {
    return judge([&] {
      const auto file = GgufFile::open_head(head, file_bytes);
      if (file) weights::check_gguf_head(*file);
      return file.has_value();
    });
  };
  return result;
}

OrderedJson as_json(const PulledModel& model) {
  OrderedJson files = OrderedJson::array();
  for (const auto& file : model.files)
    files.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  return {{"name", model.name}, {"path", model.path.string()}, {"bytes", model.bytes}, {"files", files}};
}

}  // namespace

int pull_command(int argc, char** argv) {
  CommandLine app("Fetches a model from the hub or from an address into models/.");
  PullRequest request;
  bool json = false, anyway = false;
  app.add_option("SOURCE", request.source,
                 "hf:owner/repo, hf:owner/repo/file.gguf, hf:owner/repo:Q4_K_M, or https://...")
      .required();
  app.add_option("--to", request.name, "the name to give it (default: its own)");
  app.add_option("--include", request.include, "take the files that fit this pattern, and no others (several times)");
  app.add_option("--revision", request.revision, "a branch, tag or commit of the hub (default: main)");
  app.add_flag("--anyway", anyway, "fetch what cannot run here too");
  app.add_flag("--json", json, "print one JSON document");
  if (const auto code = app.parse(argc, argv)) return *code;
  request.folder = weights::model_store_folders().front();
  if (!anyway) request.judge = judge_of(request.source);

  PulledModel model;
  {
    PullLine line;
    model = pull_model(request, HubAccess::from_environment(), {}, [&](const PullProgress& p) { line.show(p); });
  }
  if (json)
    print_json(as_json(model));
  else
    log_info("pulled {}: {} in {}", model.name, bytes_text(model.bytes), model.path.string());
  return 0;
}

}  // namespace hadal
