#include "hub/pull.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <set>

#include "base/digest.h"
#include "base/folder_lock.h"
#include "base/json.h"
#include "base/text.h"
#include "formats/gguf_name.h"
#include "hub/download.h"
#include "net/url.h"
#include "weights/store.h"

namespace hadal {
namespace {

namespace fs = std::filesystem;

struct PlannedFile {
  std::string path;
  RemoteFile remote;
};

struct Plan {
  std::string name, repository;  // "owner/repo"; "": from elsewhere
  bool in_folder = true;         // else one file, models/NAME with the file's extension
  std::vector<PlannedFile> files;
};

bool has_ending(const std::string& path, std::string_view ending) {
  return lower_case(Path(path).extension().string()) == ending;
}
bool is_weights(const std::string& path) { return has_ending(path, ".safetensors") || has_ending(path, ".gguf"); }

std::string file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }
std::string ending_of(const Plan& plan) {
  return plan.in_folder ? "" : Path(plan.files.front().path).extension().string();
}

// The addresses of all splits, when one of them is given; what stands behind the name ("?download=true") stays.
std::vector<std::string> all_splits(const std::string& url) {
  const size_t end = std::min(url.find_first_of("?#"), url.size());
  const auto part = gguf_part(std::string_view(url).substr(0, end));
  if (!part) return {url};
  std::vector<std::string> urls;
  if (part->count < 1 || part->count > 999) fail("{}: expected at most 999 splits, found {}", url, part->count);
  for (int64_t i = 1; i <= part->count; ++i) urls.push_back(part->name(i) + url.substr(end));
  return urls;
}

Plan plan_url(const std::string& url, const std::string& wanted_name) {
  Plan plan;
  for (const auto& address : all_splits(url)) {
    std::string name = file_name(net::url_unescape(net::url_path(address)));
    if (name.empty() || name == "." || name == "..") name = wanted_name;
    if (name.empty()) fail("{}: ends without the name of a file; give one with --to NAME", net::url_shown(url));
    check_relative_path(name, net::url_shown(url));
    RemoteFile remote;
    remote.url = address;
    plan.files.push_back({name, std::move(remote)});
  }
  plan.in_folder = plan.files.size() > 1;
  return plan;
}

Plan plan_hub(Hub& hub, const HubSource& source, const PullRequest& request) {
  const std::string revision = !request.revision.empty()  ? request.revision
                               : !source.revision.empty() ? source.revision
                                                          : "main";
  const std::string commit = hub.commit(source.repo, revision);
  Plan plan;
  plan.in_folder = source.file.empty() && source.quantisation.empty();
  if (!plan.in_folder && !request.include.empty())
    fail("{}: --include selects files of a whole model; leave it out", request.source);
  const auto chosen = choose_files(hub.files(source.repo, commit), source, request.include);
  for (const HubFile& file : chosen) {
    RemoteFile remote;
    remote.url = hub.file_url(source.repo, commit, file.path);
    remote.size = file.size;
    remote.sha256 = file.sha256;
    remote.git_sha1 = file.git_sha1;
    remote.explain = [&hub, repo = source.repo](const net::TransferReply& reply) { return hub.explain(repo, reply); };
    plan.files.push_back({plan.in_folder ? file.path : file_name(file.path), std::move(remote)});
  }
  plan.repository = source.repo;
  // The small files first: they may show that the model cannot be used.
  std::ranges::stable_partition(plan.files, [](const PlannedFile& file) { return !is_weights(file.path); });
  if (plan.in_folder)
    plan.name = file_name(source.repo);
  else
    plan.in_folder = chosen.size() > 1;
  return plan;
}

Plan make_plan(Hub& hub, const HubAccess& access, const PullRequest& request) {
  const HubSource source = parse_source(request.source, access.endpoint);
  if (source.repo.empty() && !(request.include.empty() && request.revision.empty())) {
    fail("{}: --include and --revision are for the hub (hf:owner/repo); leave them out", request.source);
  }
  Plan plan = source.repo.empty() ? plan_url(source.url, request.name) : plan_hub(hub, source, request);
  const std::string first = plan.files.front().path, ending = ending_of(plan);
  if (plan.name.empty()) plan.name = plan.in_folder ? gguf_stem(first) : first.substr(0, first.size() - ending.size());
  if (!request.name.empty()) {
    plan.name = request.name;
    if (!ending.empty() && plan.name.ends_with(ending))
      plan.name.resize(plan.name.size() - ending.size());
    else if (plan.name.ends_with(".gguf"))
      plan.name.resize(plan.name.size() - 5);
  }
  weights::check_model_name(plan.name);
  return plan;
}

// The folder of an incomplete model: a list of its files, a lock, and `files/`.
class Stage {
 public:
  explicit Stage(Path folder) : folder_(std::move(folder)), files_(folder_ / "files") {
    std::error_code error;
    fs::create_directories(files_, error);
    if (error) fail("{}: cannot create: {}", files_.string(), error.message());
    lock_.emplace(folder_, "another pull of this name is running", "wait for it");
  }

  Path file(const std::string& path) const { return files_ / path; }
  bool has(const PlannedFile& file) const { return fs::is_regular_file(this->file(file.path)); }

  // Keeps an earlier pull's finished files that are still requested and unchanged, and unfinished ones, which the
  // download checks itself.
  void prepare(const Plan& plan) {
    const Path list_path = folder_ / "files.json";
    Json before;
    try {
      if (fs::exists(list_path)) before = parse_json(read_file(list_path), list_path.string());
    } catch (const Error&) {  // not written by this program: nothing is kept
    }
    OrderedJson now = OrderedJson::object();
    std::set<std::string> wanted;
    for (const auto& [path, remote] : plan.files) {
      now[path] = remote.identity();
      wanted.insert(path + ".part");
      wanted.insert(path + ".part.json");
      if (!remote.identity().empty() && before.is_object() && before.value(path, Json()) == remote.identity())
        wanted.insert(path);
    }
    std::vector<Path> old;
    for (const auto& entry : fs::recursive_directory_iterator(files_))
      if (!entry.is_directory() && !wanted.contains(entry.path().lexically_relative(files_).string()))
        old.push_back(entry.path());
    for (const auto& path : old) fs::remove(path);
    for (const auto& [path, remote] : plan.files) fs::create_directories(file(path).parent_path());
    write_file_whole(list_path, dump_json(now));
  }

  void publish(const Plan& plan, const Path& target) {
    std::error_code error;
    weights::check_name_is_free(target.parent_path(), plan.name);  // again: this may have changed during the download
    fs::rename(plan.in_folder ? files_ : file(plan.files.front().path), target, error);
    if (error) fail("{}: cannot rename to {}: {}", folder_.string(), target.string(), error.message());
    if (!plan.repository.empty()) write_file_whole(weights::source_note(target), plan.repository + "\n");
    fs::remove_all(folder_, error);
  }

  Path folder() const { return folder_; }
  Path files() const { return files_; }
  void remove() const {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

 private:
  Path folder_, files_;
  std::optional<FolderLock> lock_;
};

void check_space(const Plan& plan, const Stage& stage, const Path& folder) {
  uint64_t needed = 0;
  for (const auto& file : plan.files) {
    const auto size = static_cast<uint64_t>(std::max<int64_t>(0, file.remote.size));
    if (!stage.has(file)) needed += size - std::min(size, partial_bytes(stage.file(file.path)));
  }
  const uint64_t free = free_disk_bytes(folder);
  if (needed > free) {
    fail(
        "{}: needs {} more on the disk of {}, and {} are free; free some space, or point HADAL_MODELS to a larger disk",
        plan.name, bytes_text(needed), folder.string(), bytes_text(free));
  }
}

// Lets the judge check a GGUF file, of which only the beginning is downloaded.
void judge_gguf(Hub& hub, PlannedFile& file, const PullJudge& judge, const Stage& stage) {
  constexpr uint64_t kFirst = 1 << 20, kMost = uint64_t{1} << 29;
  const Path path = stage.folder() / (file_name(file.path) + ".head");
  std::string head;
  for (uint64_t count = kFirst; count <= kMost; count *= 4) {
    const int64_t size = download_head(hub.http(), file.remote, count, head);
    if (size >= 0) file.remote.size = size;
    write_file_whole(path, head);
    const bool whole = head.size() < count;
    if (judge.gguf(path, whole || size < 0 ? (whole ? head.size() : UINT64_MAX / 4) : static_cast<uint64_t>(size)) ||
        whole)
      return;
  }
  fail("{}: expected the header of a GGUF file in its first {}, found no end of it", net::url_shown(file.remote.url),
       bytes_text(kMost));
}

// A model that cannot run here is not downloaded; what was downloaded to check it is removed.
void judge_model(Hub& hub, Plan& plan, const PullRequest& request, const Stage& stage, bool& judged, size_t next) {
  const PlannedFile& file = plan.files[next];
  if (judged || !request.include.empty() || !is_weights(file.path)) return;
  judged = true;
  try {
    if (has_ending(file.path, ".gguf")) {
      for (size_t i = next; i < plan.files.size() && request.judge.gguf; ++i)
        if (has_ending(plan.files[i].path, ".gguf") && !stage.has(plan.files[i]))
          judge_gguf(hub, plan.files[i], request.judge, stage);
    } else if (request.judge.folder) {
      request.judge.folder(stage.files());
    }
  } catch (const net::TransferError&) {
    throw;
  } catch (const Error&) {
    stage.remove();
    throw;
  }
}

void check_magic(const PlannedFile& file, const Path& path) {
  if (Path(file.path).extension() != ".gguf") return;
  char magic[4] = {};
  std::ifstream(path, std::ios::binary).read(magic, 4);
  if (std::string_view(magic, 4) == "GGUF") return;
  fs::remove(path);
  fail("{}: expected a GGUF file, found one that does not begin with \"GGUF\"; check the address",
       net::url_shown(file.remote.url));
}

int64_t total_bytes(const Plan& plan) {
  int64_t total = 0;
  for (const auto& file : plan.files) {
    if (file.remote.size < 0) return -1;
    total += file.remote.size;
  }
  return total;
}

uint64_t bytes_there(const Plan& plan, const Stage& stage) {
  uint64_t bytes = 0;
  for (const auto& file : plan.files)
    bytes += stage.has(file) ? fs::file_size(stage.file(file.path)) : partial_bytes(stage.file(file.path));
  return bytes;
}

}  // namespace

PulledModel pull_model(const PullRequest& request, const HubAccess& access, const net::HttpOptions& options,
                       const std::function<void(const PullProgress&)>& progress) {
  Hub hub(access, options);
  Plan plan = make_plan(hub, access, request);
  const Path target = request.folder / (plan.name + ending_of(plan));
  weights::check_name_is_free(request.folder, plan.name);
  Stage stage(weights::partial_folder(request.folder, plan.name));
  stage.prepare(plan);
  check_space(plan, stage, request.folder);

  PulledModel pulled{plan.name, target, 0, {}};
  PullProgress state;
  state.name = plan.name;
  state.num_files = plan.files.size();
  state.total_bytes = total_bytes(plan);
  state.started_with = bytes_there(plan, stage);
  bool judged = false;
  for (size_t i = 0; i < plan.files.size(); ++i) {
    judge_model(hub, plan, request, stage, judged, i);
    if (judged && total_bytes(plan) > state.total_bytes) {  // now it is known
      check_space(plan, stage, request.folder);
      state.total_bytes = total_bytes(plan);
    }
    const PlannedFile& file = plan.files[i];
    state.file = file.path;
    ++state.file_number;
    const Path path = stage.file(file.path);
    DownloadedFile done;
    if (stage.has(file)) {
      done = {fs::file_size(path), sha256_of_file(path)};
    } else {
      done = download_file(hub.http(), file.remote, path, [&](uint64_t bytes, int64_t size) {
        state.bytes = pulled.bytes + bytes;
        if (plan.files.size() == 1) state.total_bytes = size;
        if (progress) progress(state);
      });
    }
    check_magic(file, path);
    pulled.bytes += done.bytes;
    pulled.files.push_back({file.path, done.bytes, done.sha256});
  }
  stage.publish(plan, target);
  return pulled;
}

}  // namespace hadal
