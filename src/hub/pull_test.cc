// Whole models from a hub that runs here, honest and otherwise.
#include "hub/pull.h"

#include "base/digest.h"
#include "base/json.h"
#include "hub/remote/digest.h"
#include "hub/testing/test_support.h"
#include "net/url.h"
#include "weights/store.h"

namespace hadal {
namespace {

using test::Connection;
using test::error_of;
using test::Request;
using test::Server;

constexpr const char* kCommit = "0123456789abcdef0123456789abcdef01234567";

// Speaks the hub's API for one repository, org/tiny. Large files come from a second server, as from the real one.
class FakeHub {
 public:
  struct File {
    std::string content;
    bool large = false;
    std::string oid = {};  // what the list says; "": the truth
  };

  explicit FakeHub(std::map<std::string, File> files) : files_(std::move(files)) {}

  HubAccess access(const std::string& token = "") const {
    HubAccess access;
    access.endpoint = hub_.url();
    access.token = token;
    access.token_origin = "HF_TOKEN";
    return access;
  }
  std::map<std::string, File>& files() { return files_; }
  Server& hub() { return hub_; }
  Server& cdn() { return cdn_; }
  std::atomic<size_t> limit = SIZE_MAX;  // the second server breaks off after so many bytes,
  std::atomic<int> breaks = 0;           // so many times
  std::atomic<int> refuse_with = 0;      // a status for every question about the repository
  std::string refusal_headers;

 private:
  static std::string oid_of(const File& file) {
    const test::ScratchFolder folder;
    write_file_whole(folder / "x", file.content);
    return file.large ? sha256_of_file(folder / "x") : git_sha1_of_file(folder / "x");
  }
  Json entry(const std::string& path, const File& file) const {
    const std::string oid = file.oid.empty() ? oid_of(file) : file.oid;
    Json json = {{"type", "file"},
                 {"path", path},
                 {"size", file.content.size()},
                 {"oid", file.large ? std::string(40, 'f') : oid}};
    if (file.large) json["lfs"] = {{"oid", oid}, {"size", file.content.size()}, {"pointerSize", 134}};
    return json;
  }
  void answer_hub(Connection& c, const Request& r) {
    const std::string tree = fmt::format("/api/models/org/tiny/tree/{}?recursive=true", kCommit);
    const std::string resolve = fmt::format("/org/tiny/resolve/{}/", kCommit);
    if (refuse_with != 0) return c.reply(refuse_with, refusal_headers);
    if (r.target == "/api/models/org/tiny/revision/main") return c.reply(200, "", dump_json(Json{{"sha", kCommit}}));
    if (r.target == tree || r.target == tree + "&cursor=2") {  // two pages: one entry, and the others
      Json page = Json::array({{{"type", "directory"}, {"path", "sub"}, {"size", 0}, {"oid", "0"}}});
      const bool first = r.target == tree;
      size_t number = 0;
      for (const auto& [path, file] : files_)
        if ((number++ == 0) == first) page.push_back(entry(path, file));
      return c.reply(200, first ? fmt::format("Link: <{}&cursor=2>; rel=\"next\"\r\n", hub_.url(tree)) : "",
                     dump_json(page));
    }
    if (!r.target.starts_with(resolve)) return c.reply(404);
    const auto file = files_.find(net::url_unescape(r.target.substr(resolve.size())));
    if (file == files_.end()) return c.reply(404, "X-Error-Code: EntryNotFound\r\n");
    if (!file->second.large) return c.serve(r, file->second.content);
    c.reply(302, fmt::format("Location: {}?signature=x\r\nX-Linked-ETag: \"{}\"\r\n",
                             cdn_.url("/" + net::url_escape(file->first, true)), oid_of(file->second)));
  }
  void answer_cdn(Connection& c, const Request& r) {
    const std::string path = net::url_unescape(r.target.substr(1, r.target.find('?') - 1));
    c.serve(r, files_.at(path).content, "\"e\"", breaks-- > 0 ? limit.load() : SIZE_MAX);
  }

  std::map<std::string, File> files_;
  Server cdn_{[this](Connection& c, const Request& r) { answer_cdn(c, r); }};
  Server hub_{[this](Connection& c, const Request& r) { answer_hub(c, r); }};
};

std::map<std::string, FakeHub::File> folder_files() {
  return {{".gitattributes", {"x"}},
          {"README.md", {"hello"}},
          {"config.json", {R"({"model_type":"deepseek_v3","torch_dtype":"bfloat16"})"}},
          {"consolidated.safetensors", {"no", true}},
          {"model-00001-of-00002.safetensors", {test::some_bytes(200'000, 3), true}},
          {"model-00002-of-00002.safetensors", {test::some_bytes(100'000, 4), true}},
          {"model.safetensors.index.json", {"{}"}},
          {"original/model.safetensors", {"no", true}},
          {"tokenizer.json", {"{}"}}};
}

std::map<std::string, FakeHub::File> gguf_files() {
  return {{"README.md", {"hello"}},
          {"mmproj-Q4_K_M.gguf", {"GGUFeyes", true}},
          {"tiny-Q4_K.gguf", {"GGUFfour", true}},
          {"tiny-Q4_K_M.gguf", {"GGUFfourm", true}},
          {"Q8_0/tiny-Q8_0-00001-of-00002.gguf", {"GGUFone", true}},
          {"Q8_0/tiny-Q8_0-00002-of-00002.gguf", {"GGUFtwo", true}},
          {"bad-F16.gguf", {"<html>", true}}};
}

class PullTest : public ::testing::Test {
 protected:
  PulledModel pull(const HubAccess& access, const std::string& source, const std::string& name = "",
                   std::vector<std::string> include = {}) {
    PullRequest request;
    request.source = source;
    request.name = name;
    request.include = std::move(include);
    request.folder = folder.path();
    return pull_model(request, access, test::quick());
  }
  std::string error(const HubAccess& access, const std::string& source, const std::string& name = "",
                    std::vector<std::string> include = {}) {
    return error_of([&] { pull(access, source, name, include); });
  }
  test::ScratchFolder folder;
};

TEST_F(PullTest, AWholeModel) {
  FakeHub hub(folder_files());
  const PulledModel model = pull(hub.access("hf_secret"), "hf:org/tiny");
  EXPECT_EQ(model.name, "tiny");
  EXPECT_EQ(folder.names(),
            (std::vector<std::string>{".tiny.source", "tiny", "tiny/config.json",
                                      "tiny/model-00001-of-00002.safetensors", "tiny/model-00002-of-00002.safetensors",
                                      "tiny/model.safetensors.index.json", "tiny/tokenizer.json"}));
  EXPECT_EQ(read_file(folder / "tiny/model-00002-of-00002.safetensors"), test::some_bytes(100'000, 4));
  EXPECT_EQ(read_file(folder / ".tiny.source"), "org/tiny\n");
  EXPECT_EQ(model.files.size(), 5u);
  EXPECT_EQ(model.bytes, 300'000u + 4 + hub.files()["config.json"].content.size());
  for (const auto& request : hub.hub().requests())
    EXPECT_EQ(request.header("authorization"), "Bearer hf_secret") << request.target;
  for (const auto& request : hub.cdn().requests()) EXPECT_EQ(request.header("authorization"), "") << request.target;
  EXPECT_HAS(error(hub.access(), "hf:org/tiny"), "is there already");
}

TEST_F(PullTest, GoesOnWhereItStopped) {
  FakeHub hub(folder_files());
  hub.limit = 60'000;
  hub.breaks = 1;
  HubAccess access = hub.access();
  // The first try ends in the middle of the second large file: the first is kept, the second goes on.
  hub.files()["model-00002-of-00002.safetensors"].oid = std::string(64, '0');
  EXPECT_HAS(error(access, "hf:org/tiny"), "expected SHA-256");
  EXPECT_FALSE(std::filesystem::exists(folder / "tiny"));
  EXPECT_TRUE(std::filesystem::exists(folder / ".tiny.partial/files/model-00001-of-00002.safetensors"));
  EXPECT_EQ(hub.cdn().requests()[1].header("range"), "bytes=60000-");
  hub.files()["model-00002-of-00002.safetensors"].oid = "";
  // Another state of the repository: what changed is fetched again, what is not wanted any more goes.
  hub.files()["config.json"].content = "{}";
  hub.files().erase("tokenizer.json");
  pull(access, "hf:org/tiny");
  EXPECT_EQ(read_file(folder / "tiny/config.json"), "{}");
  EXPECT_FALSE(std::filesystem::exists(folder / "tiny/tokenizer.json"));
  EXPECT_EQ(hub.cdn().count("/model-00001-of-00002.safetensors?signature=x"), 2u);
  EXPECT_FALSE(std::filesystem::exists(folder / ".tiny.partial"));
}

TEST_F(PullTest, OneGguf) {
  FakeHub hub(gguf_files());
  EXPECT_EQ(pull(hub.access(), "hf:org/tiny:q4_k_m").path, folder / "tiny-Q4_K_M.gguf");
  EXPECT_EQ(pull(hub.access(), "hf:org/tiny/tiny-Q4_K.gguf", "four.gguf").path, folder / "four.gguf");
  EXPECT_EQ(read_file(folder / "four.gguf"), "GGUFfour");
  const PulledModel splits = pull(hub.access(), "hf:org/tiny:Q8_0");
  EXPECT_EQ(splits.name, "tiny-Q8_0");
  EXPECT_EQ(read_file(splits.path / "tiny-Q8_0-00002-of-00002.gguf"), "GGUFtwo");
  EXPECT_EQ(pull(hub.access(), hub.hub().url("/org/tiny/blob/main/tiny-Q4_K.gguf")).path, folder / "tiny-Q4_K.gguf");
  EXPECT_HAS(error(hub.access(), "hf:org/tiny/bad-F16.gguf"), "does not begin with \"GGUF\"");
}

TEST_F(PullTest, AsksWhichGguf) {
  FakeHub hub(gguf_files());
  const std::string said = error(hub.access(), "hf:org/tiny");
  EXPECT_HAS(said, "name one, as in hf:org/tiny/");
  EXPECT_HAS(said, "tiny-Q4_K_M.gguf  9 bytes");
  EXPECT_HAS(error(hub.access(), "hf:org/tiny:Q2_K"), "there is no such GGUF file; there are:");
  EXPECT_HAS(error(hub.access(), "hf:org/tiny/none.gguf"), "there is no such GGUF file");
  FakeHub twice({{"a-Q4_0.gguf", {"GGUF", true}}, {"b-Q4_0.gguf", {"GGUF", true}}});
  EXPECT_HAS(error(twice.access(), "hf:org/tiny:Q4_0"), "several GGUF files fit");
  EXPECT_TRUE(folder.names().empty());
}

// The judge sees a folder without its weights; what it refuses is neither fetched nor left behind.
TEST_F(PullTest, AJudgeIsAskedBeforeTheWeights) {
  FakeHub hub(folder_files());
  PullRequest request;
  request.source = "hf:org/tiny";
  request.folder = folder.path();
  request.judge.folder = [](const Path& path) {
    EXPECT_EQ(read_file(path / "tokenizer.json"), "{}");
    EXPECT_FALSE(std::filesystem::exists(path / "model-00001-of-00002.safetensors"));
    fail("no such family");
  };
  const auto said = [&] { return error_of([&] { pull_model(request, hub.access(), test::quick()); }); };
  EXPECT_HAS(said(), "no such family");
  EXPECT_TRUE(hub.cdn().requests().empty());
  EXPECT_TRUE(folder.names().empty());
  request.judge.folder = [](const Path&) {};
  EXPECT_EQ(said(), "");
}

// Of a GGUF file it sees as much as it asks for.
TEST_F(PullTest, AJudgeIsAskedWithTheHeadOfAGgufFile) {
  const std::string content = "GGUF" + test::some_bytes(6'000'000);
  FakeHub hub({{"x-Q8_0.gguf", {content, true}}});
  Server plain([&](Connection& c, const Request& r) { c.serve(r, content); });
  PullRequest request;
  request.folder = folder.path();
  for (const std::string& source : {std::string("hf:org/tiny:Q8_0"), plain.url("/y.gguf")}) {
    std::vector<size_t> heads;
    request.source = source;
    request.judge.gguf = [&](const Path& head, uint64_t size) {
      const std::string bytes = read_file(head);
      heads.push_back(bytes.size());
      EXPECT_EQ(size, content.size());
      EXPECT_EQ(bytes, content.substr(0, bytes.size()));
      if (bytes.size() > 2'000'000) fail("too new");
      return false;
    };
    EXPECT_HAS(error_of([&] { pull_model(request, hub.access(), test::quick()); }), "too new");
    EXPECT_EQ(heads, (std::vector<size_t>{1 << 20, 1 << 22}));
    EXPECT_TRUE(folder.names().empty());
    request.judge.gguf = [](const Path&, uint64_t) { return true; };
    EXPECT_EQ(pull_model(request, hub.access(), test::quick()).bytes, content.size());
    std::filesystem::remove_all(folder.path());
  }
}

TEST_F(PullTest, PickledWeightsAreCalledThat) {
  FakeHub hub({{"config.json", {"{}"}}, {"pytorch_model.bin", {"PK", true}}});
  EXPECT_HAS(error(hub.access(), "hf:org/tiny"), "only pickled weights");
  EXPECT_TRUE(folder.names().empty());
}

TEST_F(PullTest, ChosenFilesKeepTheirFolders) {
  FakeHub hub(folder_files());
  pull(hub.access(), "hf:org/tiny", "chosen", {"orig*", "config.json"});
  EXPECT_EQ(folder.names(), (std::vector<std::string>{".chosen.source", "chosen", "chosen/config.json",
                                                      "chosen/original", "chosen/original/model.safetensors"}));
  EXPECT_HAS(error(hub.access(), "hf:org/tiny", "x", {"*.bin"}), "no file fits *.bin");
}

TEST_F(PullTest, APlainAddress) {
  Server server([&](Connection& c, const Request& r) {
    if (r.target.starts_with("/a/m%20x.gguf")) return c.serve(r, "GGUFbytes");
    if (r.target.starts_with("/s-0000")) return c.serve(r, fmt::format("GGUF{}", r.target));
    c.reply(404);
  });
  EXPECT_EQ(pull({}, server.url("/a/m%20x.gguf?download=true")).path, folder / "m x.gguf");
  EXPECT_EQ(pull({}, server.url("/s-00002-of-00002.gguf")).files.size(), 2u);
  EXPECT_EQ(read_file(folder / "s/s-00001-of-00002.gguf"), "GGUF/s-00001-of-00002.gguf");
  EXPECT_HAS(error({}, server.url("/none.gguf")), "status 404");
  EXPECT_HAS(error({}, server.url("/")), "--to NAME");
  EXPECT_HAS(error({}, server.url("/a/%2e%2e%2fx.gguf"), "../y"), "name: expected");
}

TEST_F(PullTest, RefusalsSayWhatToDo) {
  FakeHub hub(folder_files());
  hub.refuse_with = 401;
  EXPECT_HAS(error(hub.access(), "hf:org/tiny"), "set HF_TOKEN");
  EXPECT_HAS(error(hub.access("hf_x"), "hf:org/tiny"), "does not accept the token from HF_TOKEN");
  hub.refusal_headers = "X-Error-Code: GatedRepo\r\n";
  EXPECT_HAS(error(hub.access(), "hf:org/tiny"), "accepted the licence at " + hub.hub().url("/org/tiny"));
  hub.refuse_with = 404;
  hub.refusal_headers = "X-Error-Code: RevisionNotFound\r\n";
  EXPECT_HAS(error(hub.access(), "hf:org/tiny"), "--revision");
  hub.refuse_with = 503;
  EXPECT_HAS(error(hub.access(), "hf:org/tiny"), "given up");
  EXPECT_TRUE(folder.names().empty());
}

TEST_F(PullTest, HostilePathsAreRefused) {
  for (const char* path : {"../../x", "/etc/x", "a/../../x", "a//b", "./a", "a\\b", "a\nb", ""}) {
    FakeHub hub({{path, {"x"}}, {"model.safetensors", {"y", true}}});
    EXPECT_HAS(error(hub.access(), "hf:org/tiny", "", {"*"}), "refused") << path;
  }
  EXPECT_TRUE(folder.names().empty());
}

TEST_F(PullTest, MoreThanTheDiskHoldsIsRefusedFirst) {
  Server server([&](Connection& c, const Request& r) {
    if (r.target.find("/revision/") != std::string::npos) return c.reply(200, "", R"({"sha":"abc"})");
    c.reply(200, "",
            R"([{"type":"file","path":"model.safetensors","size":9,"lfs":{"oid":"0","size":4000000000000000000}}])");
  });
  HubAccess access;
  access.endpoint = server.url();
  EXPECT_HAS(error(access, "hf:org/tiny"), "needs 4000000000.00 GB more");
}

TEST_F(PullTest, NonsenseFromTheHubIsAnError) {
  std::string commit, list;
  Server server([&](Connection& c, const Request& r) {
    c.reply(200, "", r.target.find("/tree/") == std::string::npos ? commit : list);
  });
  HubAccess access;
  access.endpoint = server.url();
  const std::pair<const char*, const char*> cases[] = {
      {"<html>", "[]"},
      {"[]", "[]"},
      {R"({"sha":"../x"})", "[]"},
      {R"({"sha":"abc"})", "{"},
      {R"({"sha":"abc"})", "[1]"},
      {R"({"sha":"abc"})", R"([{"type":"file","path":7}])"},
      {R"({"sha":"abc"})", "[]"},
      {R"({"sha":"abc"})", R"([{"type":"file","path":"model.safetensors","size":-5,"oid":"0"}])"},
      {R"({"sha":5})", "[]"}};
  for (const auto& [first, second] : cases) {
    commit = first;
    list = second;
    EXPECT_HAS(error(access, "hf:org/tiny"), "expected") << first << second;
  }
  for (const size_t levels : {size_t{10}, size_t{1000}, size_t{1'000'000}}) {
    const std::string nested = std::string(levels, '[') + std::string(levels, ']');
    for (const bool in_list : {false, true}) {
      commit = in_list ? R"({"sha":"abc"})" : nested;
      list = nested;
      const std::string message = error(access, "hf:org/tiny");
      EXPECT_HAS(message, "expected");
      EXPECT_LT(message.size(), 500u);
    }
  }
}

TEST_F(PullTest, TwoPullsOfOneNameDoNotMix) {
  FakeHub hub(folder_files());
  HubAccess access = hub.access();
  std::string second;
  PullRequest request;
  request.source = "hf:org/tiny";
  request.folder = folder.path();
  pull_model(request, access, test::quick(), [&](const PullProgress&) {
    if (second.empty()) second = error(access, "hf:org/tiny");
  });
  EXPECT_HAS(second, "another pull of this name");
}

TEST(HubSource, IsRead) {
  const std::string end = "https://huggingface.co";
  EXPECT_EQ(parse_source("hf:a/b", end).repo, "a/b");
  EXPECT_EQ(parse_source("hf:a/b/c/d.gguf", end).file, "c/d.gguf");
  EXPECT_EQ(parse_source("hf:a/b:IQ4_XS", end).quantisation, "IQ4_XS");
  EXPECT_EQ(parse_source("https://huggingface.co/a/b", end).repo, "a/b");
  EXPECT_EQ(parse_source("https://huggingface.co/a/b/tree/v2", end).revision, "v2");
  EXPECT_EQ(parse_source("https://huggingface.co/a/b/resolve/main/x.gguf?download=true", end).file, "x.gguf");
  EXPECT_EQ(parse_source("https://example.org/a/b", end).url, "https://example.org/a/b");
  EXPECT_EQ(parse_source("https://huggingface.co/a/b/resolve/main/x.bin", end).url,
            "https://huggingface.co/a/b/resolve/main/x.bin");
  for (const char* bad : {"", "a/b", "hf:", "hf:a", "hf:a/", "hf:../b", "hf:a/b/c.bin", "hf:a/b:", "hf:a/b/c.gguf:Q4",
                          "ftp://x/y", "hf:a/b?c"})
    EXPECT_THROW(parse_source(bad, end), Error) << bad;
}

TEST(HubAccess, IsReadFromTheEnvironment) {
  const test::ScratchFolder folder;
  for (const char* name : {"HF_ENDPOINT", "HF_TOKEN", "HF_TOKEN_PATH"}) ::unsetenv(name);
  ::setenv("HF_HOME", folder.path().c_str(), 1);
  EXPECT_EQ(HubAccess::from_environment().token, "");
  write_file_whole(folder / "token", "hf_file\n");
  EXPECT_EQ(HubAccess::from_environment().token, "hf_file");
  ::setenv("HF_TOKEN", " hf_direct\n", 1);
  ::setenv("HF_ENDPOINT", "https://mirror.example/", 1);
  EXPECT_EQ(HubAccess::from_environment().token, "hf_direct");
  EXPECT_EQ(HubAccess::from_environment().endpoint, "https://mirror.example");
  ::setenv("HF_TOKEN", "a\r\nX: y", 1);
  EXPECT_THROW(HubAccess::from_environment(), Error);
  for (const char* name : {"HF_ENDPOINT", "HF_TOKEN", "HF_HOME"}) ::unsetenv(name);
}

}  // namespace
}  // namespace hadal
