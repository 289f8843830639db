// hadal web extract: what a page, a text or a PDF says, as a run of research reads it.
#include "base/error.h"
#include "base/files.h"
#include "base/json.h"
#include "cli/options.h"
#include "cli/web.h"
#include "research/document.h"

namespace hadal {

namespace {

OrderedJson json_of(const research::Document& document) {
  OrderedJson tables = OrderedJson::array(), links = OrderedJson::array();
  for (const research::Table& table : document.tables) tables.push_back({{"head", table.head}, {"rows", table.rows}});
  for (const research::Link& link : document.links) links.push_back({{"url", link.url}, {"text", link.text}});
  return {
      {"title", document.title}, {"author", document.author}, {"date", document.date}, {"language", document.language},
      {"text", document.text},   {"tables", tables},          {"links", links}};
}

}  // namespace

int web_extract_command(int argc, char** argv) {
  CommandLine app(
      "The text of a file of HTML, Markdown, text, CSV or PDF, with its title, author, date, tables and links.");
  std::string file, url;
  bool json = false;
  app.add_option("FILE", file, "the file").required();
  app.add_option("--url", url, "where it comes from: its links are resolved against it");
  add_common_options(app, &json);
  if (const auto code = app.parse(argc, argv)) return *code;
  research::RawDocument raw;
  raw.bytes = read_file(file, uint64_t{256} << 20);
  raw.url = url.empty() ? file : url;
  const research::Document document = research::extract(raw);
  if (json) {
    print_json(json_of(document));
  } else {
    print_text(without_controls(document.title.empty() ? "" : document.title + "\n\n"));
    print_answer(document.text + "\n");
  }
  return 0;
}

}  // namespace hadal
