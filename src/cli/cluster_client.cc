#include "cli/cluster_client.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/process.h"
#include "cli/cluster_text.h"
#include "net/http.h"
#include "net/url.h"

namespace hadal {
namespace {

constexpr uint64_t kMaxReplyBytes = 256 << 20;
constexpr auto kStartsWithin = std::chrono::seconds(60);

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

Path home() {
  if (const std::string path = variable("HOME"); !path.empty()) return path;
  const passwd* user = ::getpwuid(::getuid());
  if (user == nullptr || user->pw_dir == nullptr) fail("HOME: expected your folder, found none; set it");
  return user->pw_dir;
}

bool is_url(std::string_view text) { return text.starts_with("http://") || text.starts_with("https://"); }

// The folder is another user's: only they can start its daemon. "" where it is ours, or not there yet.
std::string owner_of_theirs(const Path& folder) {
  struct stat there = {};
  if (::stat(folder.c_str(), &there) != 0 || ::access(folder.c_str(), W_OK) == 0) return "";
  const passwd* user = ::getpwuid(there.st_uid);
  return user == nullptr ? fmt::format("user {}", there.st_uid) : user->pw_name;
}

std::string hint_to_start(const ClusterPlace& place) {
  const std::string folder = place.folder.string(), serve = command({"cluster", "serve", "--dir", folder});
  if (const std::string owner = owner_of_theirs(place.folder); !owner.empty())
    return fmt::format("the folder is {}'s: ask them for \"{}\", or take one of your own with --cluster", owner, serve);
  return fmt::format("start one with \"{}\", or submit an idea, which does it for you", serve);
}

Path token_file() { return home() / ".config" / "hadal" / "cluster_tokens.json"; }

OrderedJson stored_tokens() {
  std::error_code ignored;
  const Path file = token_file();
  if (!std::filesystem::exists(file, ignored)) return OrderedJson::object();
  OrderedJson tokens = parse_ordered_json(read_file(file, 1 << 20), file.string());
  if (!tokens.is_object()) fail("{}: expected an object of tokens, found {}", file.string(), tokens.type_name());
  return tokens;
}

std::string tail_of(const Path& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return "";
  const std::string text = read_file(file);
  return text.substr(text.size() - std::min<size_t>(text.size(), 2000));
}

// `hadal cluster serve` in a session of its own.
ProcessOptions daemon_of(const Path& folder, const Path& log) {
  const std::string program = std::filesystem::read_symlink("/proc/self/exe").string();
  const ProcessStream to_log = {ProcessStream::Kind::file, log, 0600};
  return {.command = {program, "cluster", "serve", "--dir", folder.string(), "--port", "0"},
          .folder = "/",
          .output = to_log,
          .error = to_log,
          .own_session = true};
}

}  // namespace

ClusterPlace find_cluster(const std::string& given) {
  std::string text = given.empty() ? variable("HADAL_CLUSTER") : given;
  if (is_url(text)) {
    while (text.ends_with('/')) text.pop_back();
    if (!net::parse_url(text))
      fail("--cluster: expected a folder or an address such as https://host:8090, found {}", text);
    return {{}, text};
  }
  if (text.empty()) {
    const Path shared = "/var/lib/hadal/cluster";
    std::error_code ignored;
    text = std::filesystem::is_directory(shared, ignored) ? shared : home() / ".local/share/hadal/cluster";
  }
  if (text.find("://") != std::string::npos)
    fail("--cluster: expected a folder or an address such as https://host:8090, found {}", text);
  return {std::filesystem::absolute(text).lexically_normal(), ""};
}

void ClusterFlags::add_to(CommandLine& app) {
  app.add_option("--cluster", cluster,
                 "the cluster: its folder on this machine, or https://host:8090 (default: HADAL_CLUSTER)")
      .filled();
  app.add_flag("--json", json, "print one JSON document");
}

struct ClusterClient::Session {
  Session(const net::HttpOptions& options, const net::HttpSecret& secret) : http(options, secret) {}
  net::HttpSession http;
  std::string base;
};

ClusterClient::ClusterClient(ClusterPlace place) : place_(std::move(place)) {
  net::HttpOptions options;
  options.connect_timeout_ms = 10'000;
  options.stall_timeout_ms = 300'000;
  net::HttpSecret secret;
  if (local())
    options.unix_socket = (place_.folder / "socket").string();
  else
    secret = {cluster_token(place_.url), place_.url};
  session_ = std::make_unique<Session>(options, secret);
  session_->base = local() ? "http://cluster" : place_.url;
}

ClusterClient::~ClusterClient() = default;

OrderedJson ClusterClient::get(const std::string& path, const Query& query) {
  std::string target = path;
  for (const auto& [name, value] : query)
    target +=
        fmt::format("{}{}={}", target.find('?') == std::string::npos ? '?' : '&', name, net::url_escape(value, false));
  return ask("GET", target, "");
}

OrderedJson ClusterClient::post(const std::string& path, const std::string& body) { return ask("POST", path, body); }
OrderedJson ClusterClient::post(const std::string& path, const OrderedJson& body) {
  return ask("POST", path, dump_json(body));
}
OrderedJson ClusterClient::remove(const std::string& path) { return ask("DELETE", path, ""); }

OrderedJson ClusterClient::ask(const std::string& method, const std::string& path, const std::string& body) {
  net::TransferRequest request;
  request.url = session_->base + "/api/cluster/" + path;
  request.method = method;
  request.content = body;
  request.headers = {"Content-Type: application/json", "Accept: application/json"};
  request.max_bytes = kMaxReplyBytes;
  request.follow = false;
  std::string text;
  request.body = [&](std::string_view piece) {
    text += piece;
    return true;
  };
  net::TransferReply reply;
  try {
    reply = session_->http.send(request);
  } catch (const net::TransferError& error) {
    if (local()) fail("no daemon answers in {}; {}", place_.folder.string(), hint_to_start(place_));
    throw;
  }
  OrderedJson json;
  try {
    json = parse_ordered_json(text.empty() ? "{}" : text, request.url);
  } catch (const Error&) {
    fail("{}: expected the answer of a cluster, found status {} and {}", session_->base, reply.status, brief(text, 80));
  }
  if (reply.status < 400) return json;
  const OrderedJson& error = json.is_object() && json.contains("error") ? json["error"] : json;
  const std::string words = error.is_string()                                ? error.get<std::string>()
                            : error.is_object() && error.contains("message") ? figure_text(error["message"])
                                                                             : dump_json(error);
  if (reply.status == 401 && !local()) {
    fail("{}: {}; store a token with \"{}\", or set HADAL_CLUSTER_TOKEN", place_.url, words,
         command({"cluster", "login", "--cluster", place_.url}));
  }
  fail("{}", words);
}

bool ClusterClient::answers() {
  net::TransferRequest request;
  request.url = session_->base + "/health";
  try {
    return session_->http.send(request).status == 200;
  } catch (const net::TransferError&) {
    return false;
  }
}

void ClusterClient::start_daemon_if_none() {
  if (!local() || answers()) return;
  std::error_code error;
  std::filesystem::create_directories(place_.folder, error);
  if (error) fail("{}: cannot be made: {}; take another with --cluster", place_.folder.string(), error.message());
  if (!owner_of_theirs(place_.folder).empty())
    fail("no daemon answers in {}; {}", place_.folder.string(), hint_to_start(place_));
  const Path log = place_.folder / "daemon.log";
  Process process(daemon_of(place_.folder, log));
  const pid_t id = process.id();
  const auto last = std::chrono::steady_clock::now() + kStartsWithin;
  bool there = false, ended = false;
  while (!(there = answers()) && !ended && std::chrono::steady_clock::now() < last) {
    // Somebody else may have started one at the same time: this one then ends, and that one answers soon.
    ended = process.poll().has_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(ended ? 500 : 20));
  }
  process.detach();
  if (!there)
    fail("the cluster's daemon did not start in {}; its log {} ends:\n{}", place_.folder.string(), log.string(),
         tail_of(log));
  if (ended) return;
  fmt::print(stderr, "no daemon ran in {}: started one (process {}, log {})\n", place_.folder.string(), id,
             log.string());
}

std::string cluster_token(const std::string& url) {
  if (const std::string token = variable("HADAL_CLUSTER_TOKEN"); !token.empty()) return token;
  const OrderedJson tokens = stored_tokens();
  return tokens.contains(url) && tokens[url].is_string() ? tokens[url].get<std::string>() : "";
}

void store_cluster_token(const std::string& url, const std::string& token) {
  OrderedJson tokens = stored_tokens();
  tokens[url] = token;
  const Path file = token_file();
  std::filesystem::create_directories(file.parent_path());
  const mode_t before = ::umask(0077);
  try {
    write_file_whole(file, dump_json(tokens, 1) + "\n");
  } catch (...) {
    ::umask(before);
    throw;
  }
  ::umask(before);
}

}  // namespace hadal
