#include "hub/remote/hub.h"

#include <algorithm>
#include <cstdlib>

#include "base/files.h"
#include "base/json.h"
#include "net/url.h"

namespace hadal {
namespace {

constexpr size_t kMaxListBytes = 64 << 20;
constexpr int kMaxPages = 1000;
constexpr int64_t kMaxBytes = int64_t{1} << 62;  // of all files together, so that sums do not overflow

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string trimmed(std::string text) {
  text.erase(0, std::min(text.find_first_not_of(" \t\r\n"), text.size()));
  text.erase(text.find_last_not_of(" \t\r\n") + 1);
  return text;
}

Path token_path() {
  if (const std::string path = environment("HF_TOKEN_PATH"); !path.empty()) return path;
  if (const std::string home = environment("HF_HOME"); !home.empty()) return Path(home) / "token";
  if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty()) return Path(cache) / "huggingface/token";
  return Path(environment("HOME")) / ".cache/huggingface/token";
}

// Sorts the list by path; throws Error for an invalid list.
void check_list(std::vector<HubFile>& files, const std::string& repo) {
  std::sort(files.begin(), files.end(), [](const HubFile& a, const HubFile& b) { return a.path < b.path; });
  int64_t left = kMaxBytes;
  for (size_t i = 0; i < files.size(); ++i) {
    check_relative_path(files[i].path, repo);
    if (i > 0 && files[i].path == files[i - 1].path)
      fail("{}: the hub lists the file \"{}\" twice", repo, brief(files[i].path));
    if (files[i].size < 0 || files[i].size > left) {
      fail("{}: the hub lists the file \"{}\" with a size that cannot be; expected a number of bytes", repo,
           files[i].path);
    }
    left -= files[i].size;
  }
}

// The address after rel="next" of a Link header (RFC 8288); "" when there is none.
std::string next_page(const std::string& link) {
  for (size_t at = 0; (at = link.find('<', at)) != std::string::npos;) {
    const size_t close = link.find('>', at), end = std::min(link.find(",", close), link.size());
    if (close == std::string::npos) break;
    if (link.substr(close, end - close).find("rel=\"next\"") != std::string::npos)
      return link.substr(at + 1, close - at - 1);
    at = end;
  }
  return "";
}

int64_t read_size(const Json& entry) {
  const Json& size = entry.at("size");
  return size.is_number_integer() ? size.get<int64_t>() : -1;
}

HubFile read_entry(const Json& entry) {
  HubFile file;
  file.path = entry.at("path");
  file.size = read_size(entry);
  if (const auto lfs = entry.find("lfs"); lfs != entry.end() && lfs->is_object()) {
    file.sha256 = lfs->at("oid");
    file.size = read_size(*lfs);
  } else {
    file.git_sha1 = entry.at("oid");
  }
  return file;
}

}  // namespace

HubAccess HubAccess::from_environment() {
  HubAccess access;
  if (const std::string endpoint = environment("HF_ENDPOINT"); !endpoint.empty()) access.endpoint = endpoint;
  while (access.endpoint.ends_with('/')) access.endpoint.pop_back();
  access.token = trimmed(environment("HF_TOKEN"));
  access.token_origin = "HF_TOKEN";
  std::error_code ignored;
  if (const Path path = token_path(); access.token.empty() && std::filesystem::is_regular_file(path, ignored)) {
    access.token = trimmed(read_file(path, 1 << 16));
    access.token_origin = path.string();
  }
  const bool printable =
      std::all_of(access.token.begin(), access.token.end(), [](unsigned char c) { return c > 32 && c < 127; });
  if (!printable)
    fail("{}: expected a token (letters and digits), found blanks or control characters in it", access.token_origin);
  return access;
}

std::string Hub::commit(const std::string& repo, const std::string& revision) {
  const std::string url = fmt::format("{}/api/models/{}/revision/{}", access_.endpoint, net::url_escape(repo, true),
                                      net::url_escape(revision, false));
  const Json json = parse_json(
      http_.get_text(url, kMaxListBytes, [&](const net::TransferReply& r) { return explain(repo, r); }), url);
  const std::string sha =
      json.is_object() && json.contains("sha") && json["sha"].is_string() ? json["sha"].get<std::string>() : "";
  if (sha.empty() || sha.find_first_not_of("0123456789abcdef") != std::string::npos) {
    fail("{}: expected the hub to name a commit (\"sha\"), found {}", url, sha.empty() ? "none" : brief(sha));
  }
  return sha;
}

std::vector<HubFile> Hub::files(const std::string& repo, const std::string& commit) {
  std::vector<HubFile> files;
  std::string url =
      fmt::format("{}/api/models/{}/tree/{}?recursive=true", access_.endpoint, net::url_escape(repo, true), commit);
  for (int page = 0; !url.empty(); ++page) {
    if (page == kMaxPages) fail("{}: expected a list of files, found one without end", url);
    net::TransferReply reply;
    const std::string text = http_.get_text(
        url, kMaxListBytes, [&](const net::TransferReply& r) { return explain(repo, r); }, &reply);
    const Json list = parse_json(text, url);
    try {
      for (const auto& entry : list)
        if (entry.at("type") == "file") files.push_back(read_entry(entry));
    } catch (const nlohmann::json::exception& e) {
      fail("{}: expected a list of files with path, size and oid, found something else: {}", url, plain_words(e));
    }
    url = next_page(reply.header("link"));
  }
  check_list(files, repo);
  return files;
}

std::string Hub::file_url(const std::string& repo, const std::string& commit, const std::string& path) const {
  return fmt::format("{}/{}/resolve/{}/{}", access_.endpoint, net::url_escape(repo, true), commit,
                     net::url_escape(path, true));
}

std::string Hub::explain(const std::string& repo, const net::TransferReply& reply) const {
  const std::string code = reply.header("x-error-code"), page = fmt::format("{}/{}", access_.endpoint, repo);
  const std::string get_token = fmt::format("set HF_TOKEN to a token of {}/settings/tokens", access_.endpoint);
  if (code == "GatedRepo" || reply.status == 403) {
    return fmt::format(
        "{}: only users who have accepted the licence at {} may download it (status {}); accept it there, and {}", repo,
        page, reply.status,
        access_.token.empty() ? get_token : "see that the token from " + access_.token_origin + " may read it");
  }
  if (code == "RevisionNotFound")
    return fmt::format("{}: has no such branch, tag or commit; look at {}/tree/main and set --revision", repo, page);
  if (reply.status == 401 && access_.token.empty()) {
    return fmt::format(
        "{}: there is no such model, or it is private (status 401); check the name at {}; for a private one, {}", repo,
        page, get_token);
  }
  if (reply.status == 401) {
    return fmt::format(
        "{}: the hub does not accept the token from {}, or there is no such model (status 401); check the name at {}, "
        "and renew the token at {}/settings/tokens",
        repo, access_.token_origin, page, access_.endpoint);
  }
  if (reply.status == 404)
    return fmt::format("{}: the hub has no such model, revision or file (status 404); look at {}", repo, page);
  return fmt::format("{}: expected an answer, the hub gives status {}; try again later, or look at {}", repo,
                     reply.status, page);
}

void check_relative_path(const std::string& path, const std::string& who) {
  bool good = !path.empty() && path.size() <= 1024 && path.front() != '/' && path.back() != '/' &&
              path.find("//") == std::string::npos;
  for (const unsigned char c : path) good = good && c >= 32 && c != 127 && c != '\\';
  for (const auto& part : Path(path)) good = good && part != "." && part != ".." && part.native().size() <= 200;
  if (!good) {
    std::string shown;
    for (const char c : path.substr(0, 100)) shown += static_cast<unsigned char>(c) < 32 ? '?' : c;
    fail("{}: the server lists a file \"{}\", which is not a path inside the model's folder; refused", who, shown);
  }
}

}  // namespace hadal
