#include <algorithm>

#include "assistant/assistant.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/log.h"
#include "cli/api_keys.h"
#include "cli/market_routes.h"
#include "cli/options.h"
#include "cli/research_model.h"
#include "cli/research_routes.h"
#include "cli/verb.h"
#include "server/openai_routes.h"
#include "server/page_routes.h"
#include "server/server.h"

namespace hadal {
int serve_command(int argc, char** argv) {
  CommandLine app(
      "Serves a model: a page for the browser at /, OpenAI's API under /v1. Ctrl-C finishes what is in flight; a "
      "second one exits at once.");
  std::string model, key_file;
  ServerOptions options;
  SamplingFlags sampling;
  EngineFlags engine_flags;
  int64_t sequences = 4;
  int queue = 64;
  engine_flags.streams = EngineOptions().max_running;
  double shutdown_seconds = options.shutdown_ms / 1000.0;
  add_model_option(app, model);
  app.add_option("--port", options.port, "0: a free one").range(0, 65535).show_default();
  app.add_option("--host", options.host, "the address to listen on; other than loopback needs an API key")
      .show_default();
  app.add_option("--api-key-file", key_file, "a file of API keys, one a line; every request must carry one");
  app.add_option("--allow-origin", options.allowed_origins,
                 "another web page's origin that may call the API; * for every page");
  app.add_option("--shutdown-seconds", shutdown_seconds, "after SIGTERM or Ctrl-C: how long answers may still take")
      .range(0.0, 86400.0)
      .show_default();
  const Option parallel =
      app.add_option("--parallel", sequences,
                     "full conversations that memory is planned for (default: 4, and a short one for each stream)")
          .range(1, 1024);
  app.add_option("--max-streams", engine_flags.streams, "answers that are written at once; more requests wait")
      .range(1, 1024)
      .show_default();
  app.add_option("--max-queue", queue, "requests that wait; more get a 503").range(0, 1024).show_default();
  app.add_option("--temperature", sampling.options.temperature, "where a request says nothing").show_default();
  app.add_option("--top-p", sampling.options.top_p, "where a request says nothing").show_default();
  ResearchDeskOptions research;
  std::vector<std::string> research_sources, research_allow;
  std::string research_folder = research.folder.string();
  const Option sources_option = app.add_option(
      "--research-sources", research_sources,
      "what the page and /v1/research may look through, parted by commas: folder:PATH, index:DIR, searx:URL, "
      "mediawiki:URL, brave");
  app.add_option("--research-folder", research_folder, "where research runs are kept").show_default().filled();
  app.add_option("--research-allow", research_allow,
                 "a HOST:PORT that research may connect to although it is not public")
      .needs(sources_option);
  engine_flags.add_to(app);
  add_common_options(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  check(sampling.options);
  if (!key_file.empty()) options.api_keys = read_api_keys(key_file);

  if (parallel.count() == 0) engine_flags.stream_tokens = kShortTokens;
  options.max_running = static_cast<int>(engine_flags.streams) + queue;
  options.max_connections_per_address =
      std::max(options.max_connections_per_address, options.max_running + 32);  // all may be one client's
  options.max_connections = std::max(options.max_connections, options.max_running + 64);
  const weights::LoadedModel loaded = weights::load_model(model, weights::LoadAs::frozen, engine_flags.plan(sequences));
  sampling.take_defaults(app, loaded.defaults);
  Engine engine(loaded.model, loaded.tokenizer, engine_flags.options(loaded, sequences));
  const Assistant assistant(engine);
  EngineBackend backend(engine, assistant);
  std::vector<Route> routes = openai_routes(backend, {.model_name = loaded.name,
                                                      .created = static_cast<int64_t>(unix_seconds()),
                                                      .sampling = sampling.options,
                                                      .max_body_bytes = options.max_body_bytes});
  for (Route& route : page_routes()) routes.push_back(std::move(route));
  for (Route& route : market_routes()) routes.push_back(std::move(route));
  research.folder = research_folder;
  research.sources = research_source_list(research_sources);
  research.fetch.allowed = net::AllowList(research_allow);
  const std::string fingerprint = research.sources.empty() ? "" : weights_fingerprint(model);  // reads the weights
  research.writer = [&] { return assistant_writer(engine, assistant, loaded.name, fingerprint); };
  ResearchDesk desk(std::move(research));
  for (Route& route : desk.routes()) routes.push_back(std::move(route));
  options.stop_on_signals = true;
  options.shutdown_ms = static_cast<int>(shutdown_seconds * 1000);
  Server server(options, std::move(routes));
  fmt::print(stderr, "listening on {}\n", server.url());
  server.run();
  log_expert_cache(loaded);
  return 0;
}

}  // namespace hadal
