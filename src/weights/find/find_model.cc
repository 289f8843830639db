// Where models are, by name or path: the paths themselves, models/ of the working folder and HADAL_MODELS, the cache of
// Hugging Face's tools, and Ollama's store.
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>
#include <set>

#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "formats/gguf_name.h"
#include "weights/find/model_files.h"
#include "weights/store.h"

namespace hadal::weights {
namespace {

namespace fs = std::filesystem;

bool is_there(const Path& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

// What stands directly in the models folders, hidden names aside.
std::vector<Path> stored_paths() {
  std::vector<Path> paths;
  for (const Path& folder : model_store_folders()) {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(folder, ignored))
      if (!entry.path().filename().string().starts_with('.')) paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<std::string> known_models() {
  std::set<std::string> names;
  for (const Path& path : stored_paths())
    if (is_model_path(path)) names.insert(path.filename().string());
  return {names.begin(), names.end()};
}

// ---- Names as the hub and Ollama have them ----

// "hf:owner/repo", "owner/repo:Q4_K_M", "hf:owner/repo/file.gguf", "name:tag"; the owner is empty in the last.
struct HubName {
  std::string owner, repo, file, tag;
  std::string text() const {  // as `hadal pull` takes it
    return fmt::format("hf:{}/{}{}{}{}{}", owner.empty() ? "OWNER" : owner, repo, file.empty() ? "" : "/", file,
                       tag.empty() ? "" : ":", tag);
  }
};

std::optional<HubName> parse_hub_name(std::string text) {
  bool prefixed = false;
  for (const std::string_view prefix :
       {"hf:", "https://huggingface.co/", "huggingface.co/", "https://hf.co/", "hf.co/"}) {
    if (!text.starts_with(prefix)) continue;
    text.erase(0, prefix.size());
    prefixed = true;
    break;
  }
  const auto is_name = [](std::string_view part) {
    const auto fits = [](unsigned char c) { return (c < 128 && std::isalnum(c)) || c == '_' || c == '.' || c == '-'; };
    return !part.empty() && part[0] != '.' && part[0] != '-' && std::ranges::all_of(part, fits);
  };
  HubName name;
  if (const size_t colon = text.find(':'); colon != std::string::npos) {
    name.tag = text.substr(colon + 1);
    if (!is_name(name.tag)) return std::nullopt;
    text.resize(colon);
  }
  std::vector<std::string> parts = split(text, '/');
  if (parts.size() > 1) {
    name.owner = parts[0];
    if (!is_name(name.owner)) return std::nullopt;
    parts.erase(parts.begin());
  }
  name.repo = parts[0];
  if (!is_name(name.repo)) return std::nullopt;
  for (size_t i = 1; i < parts.size(); ++i) {
    if (parts[i].empty() || !is_name("x" + parts[i])) return std::nullopt;
    name.file += (i > 1 ? "/" : "") + parts[i];
  }
  const bool is_file = has_gguf_ending(name.file);
  if ((!name.file.empty() && !is_file) || (prefixed && name.owner.empty())) return std::nullopt;
  if (!prefixed && !name.file.empty() && !is_file) return std::nullopt;
  return name;
}

// "owner/repo" of the pull that made this entry of a models folder; "" where nothing says.
std::string pulled_from(const Path& path) {
  const Path note = path.parent_path() / fmt::format(".{}.source", path.filename().string());
  if (!is_there(note)) return "";
  const std::string text = read_file(note, 1 << 12);
  return text.substr(0, text.find('\n'));
}

// What `hadal pull` made of this name, or what a user put there under the same.
std::optional<ModelFiles> find_stored(const HubName& name) {
  const std::string repository = name.owner + "/" + name.repo;
  std::string base = lower_case(name.repo);
  if (base.ends_with("-gguf")) base.resize(base.size() - 5);
  std::vector<Path> found;
  for (const Path& path : stored_paths()) {
    const std::string file = path.filename().string(), plain = lower_case(gguf_stem(file));
    const std::string source = name.owner.empty() ? "" : pulled_from(path);
    if (!source.empty() && source != repository) continue;  // of the same name, by someone else
    if (!name.file.empty()) {
      if (plain == lower_case(gguf_stem(Path(name.file).filename().string()))) found.push_back(path);
    } else if (plain == lower_case(name.repo) || plain == base) {
      if (name.tag.empty() || name.tag == "latest" || has_gguf_with(path, name.tag)) found.push_back(path);
    } else if ((source == repository || plain.starts_with(base)) && is_model_path(path)) {
      if (name.tag.empty() ? source == repository : has_word(plain, name.tag)) found.push_back(path);
    }
  }
  if (found.empty()) return std::nullopt;
  const auto exact = std::ranges::find_if(
      found, [&](const Path& p) { return p.filename() == name.repo || gguf_stem(p.filename().string()) == name.repo; });
  if (found.size() == 1 || exact != found.end()) {
    const Path& path = exact != found.end() ? *exact : found.front();
    return files_at(
        path, fs::is_directory(path) && !has_word(path.filename().string(), name.tag) && name.tag != "latest" ? name.tag
                                                                                                              : "");
  }
  std::vector<std::string> names;
  for (const Path& path : found) names.push_back(path.filename().string());
  fail("{}: several models are here that this may mean; name one of: {}", name.text(), fmt::join(names, ", "));
}

// The folder of Hugging Face's tools for whole repositories.
Path hub_cache() {
  if (const std::string cache = environment("HF_HUB_CACHE"); !cache.empty()) return cache;
  if (const std::string home = environment("HF_HOME"); !home.empty()) return Path(home) / "hub";
  if (const std::string cache = environment("XDG_CACHE_HOME"); !cache.empty())
    return Path(cache) / "huggingface" / "hub";
  return Path(environment("HOME")) / ".cache" / "huggingface" / "hub";
}

std::optional<ModelFiles> find_cached(const Path& cache, const HubName& name) {
  const Path folder = cache / fmt::format("models--{}--{}", name.owner, name.repo);
  if (name.owner.empty() || !is_there(folder / "snapshots")) return std::nullopt;
  const std::string tag = name.file.empty() ? name.tag : gguf_stem(Path(name.file).filename().string());
  if (!tag.empty() && !has_gguf_with(snapshot_of(folder), tag)) return std::nullopt;  // another of its files
  return files_at(folder, tag);
}

// Ollama names models by a manifest that lists layers; that of the model is a GGUF file under blobs/.
std::optional<ModelFiles> find_in_ollama(const HubName& name) {
  if (!name.file.empty()) return std::nullopt;
  const std::string own = environment("OLLAMA_MODELS");
  const std::string tag = name.tag.empty() ? "latest" : name.tag;
  for (const Path& store : {own.empty() ? Path(environment("HOME")) / ".ollama" / "models" : Path(own),
                            Path("/usr/share/ollama/.ollama/models")}) {
    for (const Path& place :
         {Path("registry.ollama.ai") / (name.owner.empty() ? "library" : name.owner), Path("hf.co") / name.owner}) {
      const Path manifest = store / "manifests" / place / name.repo / tag;
      std::error_code ignored;
      if ((name.owner.empty() && place.begin()->string() == "hf.co") || !fs::is_regular_file(manifest, ignored))
        continue;
      const Json json = parse_json(read_file(manifest, 1 << 20), manifest.string());
      const Json layers = json.is_object() ? json.value("layers", Json::array()) : Json::array();
      for (const Json& layer : layers) {
        if (!layer.is_object() || layer.value("mediaType", Json()) != "application/vnd.ollama.image.model" ||
            !layer.value("digest", Json()).is_string())
          continue;
        std::string digest = layer["digest"];
        std::replace(digest.begin(), digest.end(), ':', '-');
        if (Path(digest) != Path(digest).filename()) continue;
        ModelFiles files = files_at(store / "blobs" / digest);
        files.name = name.repo;
        return files;
      }
      fail("{}: expected a manifest of Ollama with a layer of a model, found none", manifest.string());
    }
  }
  return std::nullopt;
}

std::optional<ModelFiles> find_named(const HubName& name) {
  if (auto files = find_stored(name)) return files;
  if (auto files = find_cached(hub_cache(), name)) return files;
  return find_in_ollama(name);
}

[[noreturn]] void fail_unknown(const std::string& text, const std::optional<HubName>& name) {
  const auto names = known_models();
  std::string here = names.empty() ? "there are none under models/"
                                   : fmt::format("under models/ there are: {}", fmt::join(names, ", "));
  if (here.size() > 600) here.resize(600), here += "...";
  if (!name || (name->owner.empty() && name->tag.empty())) {
    fail("{}: there is no such model; {}; `{}` fetches one from the hub", text.substr(0, 300), here,
         command({"pull", "hf:OWNER/REPO"}));
  }
  fail("{}: there is no such model on this disk; {}; `{}` fetches it{}", text.substr(0, 300), here,
       command({"pull", name->text()}), name->owner.empty() ? ", with the name of its owner on the hub" : "");
}

// A bare name: in the models folders before the working folder, unless that has a model of this name.
std::optional<ModelFiles> find_bare(const std::string& text) {
  if (is_there(text) && is_model_path(text)) return files_at(text);
  for (const Path& folder : model_store_folders())
    for (const Path& path : {folder / text, folder / (text + ".gguf"), folder / (text + ".GGUF")})
      if (is_there(path)) return files_at(path);
  if (is_there(text)) return files_at(text);
  return std::nullopt;
}

}  // namespace

ModelFiles find_model(const std::string& text) {
  const Path path(text);
  if (text.empty()) fail("model: expected a folder, a file or a name, found an empty text");
  if (text.size() > 4096 || text.find('\0') != std::string::npos)
    fail("model: expected a folder, a file or a name, found a text of {} bytes", text.size());
  if (path == path.filename()) {
    if (auto files = find_bare(text)) return *files;
  } else if (is_there(path)) {
    return files_at(path);
  }
  if (const size_t colon = text.rfind(':');
      colon != std::string::npos && colon > 0 && is_there(text.substr(0, colon)) && text.substr(0, colon) != "hf")
    return files_at(text.substr(0, colon), text.substr(colon + 1));  // "folder:Q4_K_M"
  const auto name = parse_hub_name(text);
  if (name) {
    if (auto files = find_named(*name)) return *files;
  }
  // "cache/hub/owner/repo": the cache itself has another name for it.
  const Path owner = path.parent_path();
  if (!owner.empty()) {
    if (auto files = find_cached(owner.parent_path().empty() ? Path(".") : owner.parent_path(),
                                 {owner.filename().string(), path.filename().string(), "", ""}))
      return *files;
  }
  if (path.is_absolute() || text.starts_with("./") || text.starts_with("../"))
    fail("{}: there is no such file or folder", text.substr(0, 300));
  fail_unknown(text, name);
}

}  // namespace hadal::weights
