// hadal index COMMAND ...: documents of one's own, searched.
#include <filesystem>
#include <optional>
#include <vector>

#include "base/command.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/paths.h"
#include "base/text.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "research/document.h"
#include "research/index.h"
#include "research/report.h"
#include "research/warc.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;
using research::Document;
using research::Index;

constexpr uint64_t kMostBytes = uint64_t{64} << 20;  // of a file, or of an answer in an archive

struct Flags {
  std::string folder, text, queries, remove;
  std::vector<std::string> paths;
  int64_t k = 10, hops = 1;
  bool documents = false, json = false;
};

struct Added {
  int64_t documents = 0;
  std::vector<std::string> left_out;  // with why
};

Index open_index(const Flags& flags, bool make) {
  const Path file = Path(flags.folder) / research::kIndexFile;
  if (!make && !fs::exists(file)) {
    fail("index: expected an index in {}, found none; make one with: {}", flags.folder,
         command({"index", "add", "PATH", "--index", flags.folder}));
  }
  return Index(file);
}

void add_lines(Index& index, const Path& path, Added& added) {
  for_each_line(path, [&](std::string_view line, int64_t number) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return true;
    const std::string where = fmt::format("{}, line {}", path.string(), number);
    const Json json = parse_json(line, where);
    Document document;
    try {
      document.url = json.at("id").get<std::string>();
      document.title = json.value("title", "");
      document.text = json.at("text").get<std::string>();
    } catch (const nlohmann::json::exception& error) {
      fail("index: expected {{\"id\",\"title\",\"text\"}} in {}, found: {}", where, plain_words(error));
    }
    document.type = "text/plain";
    index.add(document, sha256(line));
    ++added.documents;
    return true;
  });
}

// What `read` gives. What cannot be read is left out and named; what the index itself cannot do ends all.
template <typename F>
auto read_or_name(const std::string& name, Added& added, const F& read) -> std::optional<decltype(read())> {
  try {
    return read();
  } catch (const Error& error) {
    added.left_out.push_back(fmt::format("{}: {}", name, error.what()));
    return {};
  }
}

void add_document(Index& index, const research::RawDocument& raw, const std::string& snapshot, Added& added) {
  const std::string hash = sha256(raw.bytes);
  if (!index.has(raw.url, hash)) {
    auto document = read_or_name(raw.url, added, [&] { return research::extract(raw); });
    if (!document) return;
    document->url = raw.url;
    index.add(*document, hash, snapshot);
  }
  ++added.documents;
}

void add_archive(Index& index, const Path& path, Added& added) {
  bool torn = false;
  research::read_warc(
      path,
      [&](research::WarcRecord&& record) {
        if (record.type != "response" || !record.content_type.starts_with("application/http")) return true;
        const auto response =
            read_or_name(record.target_uri, added, [&] { return research::read_response(record, kMostBytes); });
        if (!response || response->status != 200) return true;
        add_document(index, {record.target_uri, response->header("content-type"), response->body}, record.id, added);
        return true;
      },
      &torn);
  if (torn) added.left_out.push_back(path.string() + ": its last record is cut off");
}

void add_file(Index& index, const Path& path, const std::string& name, Added& added) {
  const std::string file = path.filename().string();
  if (file.ends_with(".jsonl") || file.ends_with(".jsonl.zst")) return add_lines(index, path, added);
  if (file.ends_with(".warc") || file.ends_with(".warc.gz")) return add_archive(index, path, added);
  const auto bytes = read_or_name(name, added, [&] { return read_file(path, kMostBytes); });
  if (bytes) add_document(index, {name, "", *bytes}, "", added);
}

void add_folder(Index& index, const Path& folder, Added& added) {
  const std::string name = fs::canonical(folder).filename().string();
  const auto name_of = [&](const Path& path) { return name + "/" + path.lexically_relative(folder).generic_string(); };
  const std::vector<Path> files = files_below(
      folder, [](const Path&) { return true; },
      [&](const Path& path, const std::string& why) { added.left_out.push_back(name_of(path) + ": " + why); });
  for (const Path& file : files) add_file(index, file, name_of(file), added);
}

int add(const Flags& flags) {
  for (const std::string& path : flags.paths) {
    if (!fs::exists(path)) fail("index: expected a folder or a file, found no {}", path);
  }
  Index index = open_index(flags, true);
  Added added;
  for (const std::string& path : flags.paths) {
    index.batch([&] {
      if (fs::is_directory(path)) {
        add_folder(index, path, added);
      } else {
        add_file(index, path, Path(path).filename().string(), added);
      }
    });
  }
  if (flags.json) {
    print_json(OrderedJson{{"documents", added.documents}, {"left_out", added.left_out}});
    return 0;
  }
  for (const std::string& line : added.left_out) fmt::print(stderr, "left out: {}\n", without_controls(line));
  print_text(fmt::format("{} in {}\nNext: {}\n", counted(added.documents, "document"), without_controls(flags.folder),
                         without_controls(command({"index", "search", "QUERY", "--index", flags.folder}))));
  return 0;
}

OrderedJson hits_of(const Index& index, const Flags& flags, const std::string& query) {
  OrderedJson hits = OrderedJson::array();
  const research::SearchOptions options{flags.k, static_cast<int>(flags.hops)};
  if (flags.documents) {
    for (const auto& hit : index.documents(query, options)) hits.push_back({{"id", hit.id}, {"score", hit.score}});
    return hits;
  }
  for (const auto& hit : index.passages(query, options)) {
    const research::IndexedDocument found = index.document(hit.number);
    hits.push_back({{"id", found.document.url},
                    {"score", hit.score},
                    {"title", found.document.title},
                    {"start", hit.span.begin},
                    {"end", hit.span.end},
                    {"text", found.document.text.substr(hit.span.begin, hit.span.end - hit.span.begin)}});
  }
  return hits;
}

int search_file(const Index& index, const Flags& flags) {
  OrderedJson results = OrderedJson::array();
  for_each_line(flags.queries, [&](std::string_view line, int64_t number) {
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) return true;
    const std::string where = fmt::format("{}, line {}", flags.queries, number);
    const Json json = parse_json(line, where);
    try {
      const auto id = json.at("id").get<std::string>();
      results.push_back({{"id", id}, {"hits", hits_of(index, flags, json.at("text").get<std::string>())}});
    } catch (const nlohmann::json::exception& error) {
      fail("index: expected {{\"id\",\"text\"}} in {}, found: {}", where, plain_words(error));
    }
    return true;
  });
  print_json(OrderedJson{{"results", results}});
  return 0;
}

int search(const Flags& flags) {
  if (flags.text.empty() == flags.queries.empty()) {
    fmt::print(stderr, "hadal index search: expected a QUERY, or a file with --queries\n");
    return 2;
  }
  const Index index = open_index(flags, false);
  if (!flags.queries.empty()) return search_file(index, flags);
  const OrderedJson hits = hits_of(index, flags, flags.text);
  if (flags.json) {
    print_json(OrderedJson{{"results", {{{"id", "query"}, {"hits", hits}}}}});
    return 0;
  }
  std::string text = hits.empty() ? "Nothing found.\n" : "";
  for (const OrderedJson& hit : hits) {
    text +=
        fmt::format("{:8.3f}  {}\n", hit.at("score").get<double>(), without_controls(hit.at("id").get<std::string>()));
    if (hit.contains("text")) text += "          " + without_controls(hit.at("text").get<std::string>()) + "\n\n";
  }
  print_text(text);
  return 0;
}

int list(const Flags& flags) {
  const auto documents = open_index(flags, false).list();
  OrderedJson array = OrderedJson::array();
  std::string text;
  for (const auto& [url, title] : documents) {
    array.push_back({{"url", url}, {"title", title}});
    text += research::inert(url) + "  " + research::inert(title) + "\n";
  }
  if (flags.json) {
    print_json(OrderedJson{{"documents", array}});
  } else {
    print_text(text.empty() ? "The index is empty.\n" : text);
  }
  return 0;
}

int remove(const Flags& flags) {
  Index index = open_index(flags, false);
  if (!index.remove(flags.remove)) {
    fail("index: expected a document or folder of the index, found no {}; {} names all", flags.remove,
         command({"index", "list", "--index", flags.folder}));
  }
  if (flags.json) print_json(OrderedJson{{"removed", flags.remove}});
  return 0;
}

}  // namespace

int index_command(int argc, char** argv) {
  CommandLine app("Documents of your own, searched: folders, files, web archives, lines of JSON.");
  Flags flags;
  CommandLine& adding = app.add_command("add", "take in folders, files, .warc(.gz), .jsonl(.zst) of id, title, text");
  adding.add_option("PATH", flags.paths, "what to take in; what changed is read again").required();
  CommandLine& searching = app.add_command("search", "passages that answer a query, best first");
  searching.add_option("QUERY", flags.text, "words to look for");
  searching.add_option("--queries", flags.queries, "a file of lines {\"id\",\"text\"} in place of QUERY");
  searching.add_option("--k", flags.k, "how many hits").range(1, 100'000).show_default();
  searching.add_option("--hops", flags.hops, "2: also what strong hits name").range(1, 2).show_default();
  searching.add_flag("--documents", flags.documents, "documents in place of passages");
  CommandLine& listing = app.add_command("list", "what the index holds");
  CommandLine& removing = app.add_command("remove", "take out a document, or all below a folder");
  removing.add_option("URL", flags.remove, "as `list` names it").required();
  for (CommandLine* command : {&adding, &searching, &listing, &removing}) {
    command->add_option("--index", flags.folder, "folder of the index").required();
    add_common_options(*command, &flags.json);
  }
  if (const auto code = app.parse(argc, argv)) return *code;
  if (adding.chosen()) return add(flags);
  if (searching.chosen()) return search(flags);
  if (listing.chosen()) return list(flags);
  if (removing.chosen()) return remove(flags);
  fmt::print(stderr, "hadal index: expected a command: add, search, list or remove (hadal index --help)\n");
  return 2;
}

}  // namespace hadal
