// hadal web fetch URL: one page, fetched with a run's care, as text.
#include <csignal>
#include <optional>

#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/web.h"
#include "research/document.h"
#include "research/fetch.h"

namespace hadal {
namespace {

volatile std::sig_atomic_t interrupted = 0;

}  // namespace

int web_fetch_command(int argc, char** argv) {
  CommandLine app(
      "Fetches a page of the public web and shows its text. Addresses inside this network, what robots.txt forbids, "
      "and "
      "what is no text are refused, with exit code 1.");
  std::string url, warc, proxy;
  std::vector<std::string> allow, resolve;
  research::FetchOptions options;
  bool json = false;
  app.add_option("URL", url, "an address of http or https").required().filled();
  app.add_option("--allow", allow, "HOST:PORT that may be fetched from, though it is not public; can be repeated");
  app.add_option("--resolve", resolve, "HOST:PORT:ADDRESS: the name is not looked up, as curl has it; can be repeated");
  app.add_option("--seconds", options.limits.seconds, "for the page, redirects included")
      .range(0.1, 3600.0)
      .show_default();
  app.add_option("--proxy", proxy, "http://HOST:PORT to go through; it, not Hadal, then sees the addresses");
  app.add_option("--warc", warc, "an archive to write the answer and its text into").filled();
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;

  options.allowed = net::AllowList(allow);
  options.resolve = resolve;
  options.proxy = proxy;
  std::optional<research::WarcWriter> archive;
  if (!warc.empty()) archive.emplace(warc);
  std::signal(SIGINT, [](int) { interrupted = 1; });
  const auto fetcher = research::web_fetcher(options, archive ? &*archive : nullptr);
  const research::Fetched page = fetcher->fetch({url}, [] { return interrupted != 0; })[0];
  if (!page.refused.empty()) fail("{}: refused: {}", brief(url, 200), page.refused);
  std::string charset;
  const research::Document document = research::extract({page.final_url, page.content_type, page.body}, &charset);
  if (archive) research::append_text(*archive, page.final_url, page.date, page.record, document.text);
  if (json)
    print_json(OrderedJson{{"url", page.url},
                           {"final_url", page.final_url},
                           {"status", page.status},
                           {"type", document.type},
                           {"charset", charset},
                           {"sha256", sha256(page.body)},
                           {"title", document.title},
                           {"text", document.text}});
  else
    print_text(without_controls(fmt::format("{}\n{}\n\n", document.title, page.final_url)) +
               without_controls(document.text) + "\n");
  return 0;
}

}  // namespace hadal
