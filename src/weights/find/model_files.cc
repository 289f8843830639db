#include "weights/find/model_files.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "base/error.h"
#include "base/git_lfs.h"
#include "base/text.h"
#include "formats/gguf.h"
#include "formats/gguf_name.h"
#include "weights/find/run_model.h"

namespace hadal::weights {
namespace {

namespace fs = std::filesystem;

std::string beginning_of(const Path& path) {
  std::array<char, 64> bytes;
  std::ifstream file(path, std::ios::binary);
  file.read(bytes.data(), bytes.size());
  return {bytes.data(), static_cast<size_t>(std::max<std::streamsize>(0, file.gcount()))};
}

bool is_file(const Path& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}
bool is_folder(const Path& path) {
  std::error_code ignored;
  return fs::is_directory(path, ignored);
}

bool has_ending(const Path& path, std::string_view ending) { return lower_case(path.extension().string()) == ending; }

// PyTorch's files: a zip archive of pickled objects, or, older, the objects alone.
bool is_pickled(std::string_view beginning) {
  return beginning.starts_with("PK\x03\x04") || beginning.starts_with("\x80\x02");
}

std::vector<Path> entries_of(const Path& folder) {
  std::vector<Path> paths;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder, error)) paths.push_back(entry.path());
  if (error) fail("{}: cannot read this folder: {}", folder.string(), error.message());
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<Path> with_ending(const std::vector<Path>& paths, std::initializer_list<std::string_view> endings) {
  std::vector<Path> found;
  for (const Path& path : paths)
    if (std::ranges::any_of(endings, [&](auto ending) { return has_ending(path, ending); })) found.push_back(path);
  return found;
}

// At most a few names, for an error.
std::string some_names(const std::vector<Path>& paths) {
  std::vector<std::string> names;
  for (const Path& path : paths)
    if (names.size() < 12) names.push_back(path.filename().string());
  return fmt::format("{}{}", fmt::join(names, ", "), names.size() < paths.size() ? ", ..." : "");
}

// What stands beside a model in a folder of GGUF files, by the names that converters give it.
bool is_beside_a_model(const Path& path) {
  std::string name = lower_case(path.filename().string());
  if (name.starts_with("ggml-vocab")) return true;
  std::ranges::replace_if(
      name, [](char c) { return c == '.' || c == '_'; }, '-');
  const std::vector<std::string> words = split(name, '-');
  if (words.size() > 1 && words[0] == "mtp") return true;
  constexpr std::array<std::string_view, 4> kBeside = {"mmproj", "imatrix", "lora", "adapter"};
  return std::ranges::any_of(words,
                             [&](const auto& word) { return std::ranges::find(kBeside, word) != kBeside.end(); });
}

// And by what the file says of itself.
bool says_it_is_no_model(const Path& path) {
  try {
    const GgufFile file = GgufFile::open(path);
    const std::string type = file.text("general.type").value_or("model"),
                      architecture = file.text("general.architecture").value_or("");
    return type != "model" || architecture == "clip" || file.tensors().empty();
  } catch (const Error&) {
    return false;  // loading it says what is wrong
  }
}

ModelFiles one_gguf(const Path& folder, std::vector<Path> files, const std::string& tag) {
  const std::vector<Path> all = files;
  if (!tag.empty()) std::erase_if(files, [&](const Path& file) { return !has_word(file.filename().string(), tag); });
  if (files.size() > 1) std::erase_if(files, says_it_is_no_model);
  if (files.size() == 1) return {ModelFiles::Kind::gguf, files.front(), folder.filename().string()};
  if (files.empty() && !tag.empty())
    fail("{}: expected a GGUF file with {} in its name, found {}", folder.string(), tag, some_names(all));
  fail("{}: expected one GGUF model in this folder, found {} ({}); give the path of one of them", folder.string(),
       all.size(), some_names(all));
}

// ---- The cache of Hugging Face's tools: models--owner--name/{refs/main, snapshots/COMMIT/...} ----

bool is_cached_repository(const Path& folder) { return is_folder(folder / "snapshots"); }

// "models--owner--name" -> "name".
std::string name_of_cached(const Path& folder) {
  const std::string name = (folder.filename().empty() ? folder.parent_path() : folder).filename().string();
  const size_t at = name.rfind("--");
  return name.starts_with("models--") && at != std::string::npos ? name.substr(at + 2) : name;
}

ModelFiles files_in_cached(const Path& repository, const std::string& tag) {
  ModelFiles files = files_at(snapshot_of(repository), tag);
  files.name = name_of_cached(repository);
  return files;
}

// The folder of all cached repositories, where it holds one model.
std::optional<ModelFiles> files_in_cache(const std::vector<Path>& entries, const Path& folder, const std::string& tag) {
  std::vector<Path> repositories;
  for (const Path& path : entries)
    if (path.filename().string().starts_with("models--") && is_cached_repository(path)) repositories.push_back(path);
  if (repositories.empty()) return std::nullopt;
  if (repositories.size() == 1) return files_in_cached(repositories.front(), tag);
  fail("{}: expected one model, found a cache of {}: {}; give one of these folders", folder.string(),
       repositories.size(), some_names(repositories));
}

ModelFiles files_in_folder(const Path& folder, const std::string& tag) {
  if (is_cached_repository(folder)) return files_in_cached(folder, tag);
  const std::vector<Path> entries = entries_of(folder);
  const std::vector<Path> ggufs = gguf_files_in(folder);
  const bool safetensors =
      !with_ending(entries, {".safetensors"}).empty() || is_file(folder / "model.safetensors.index.json");
  const bool tokenizer =
      is_file(folder / "tokenizer.json") || (is_file(folder / "vocab.json") && is_file(folder / "merges.txt"));
  // Repositories of GGUF files often keep the config.json of the model that they were made of.
  if (!ggufs.empty() && (!safetensors || !is_file(folder / "config.json"))) return one_gguf(folder, ggufs, tag);
  if (is_file(folder / "config.json") || (tokenizer && !safetensors)) {
    if (!tag.empty())
      fail("{}: expected a GGUF file with {} in its name, found a Hugging Face folder", folder.string(), tag);
    return {ModelFiles::Kind::folder, folder, ""};
  }
  if (auto cached = files_in_cache(entries, folder, tag)) return *cached;
  if (is_folder(folder / "hub")) {
    if (auto cached = files_in_cache(entries_of(folder / "hub"), folder / "hub", tag)) return *cached;
  }
  if (safetensors) fail("{}: expected config.json beside the weights, found none; fetch it too", folder.string());
  if (const auto pickled = with_ending(entries, {".bin", ".pth", ".pt", ".ckpt"}); !pickled.empty()) {
    fail(
        "{}: expected safetensors or GGUF files, found only pickled weights ({}), which are programs that run when "
        "they are read and are not "
        "supported; take a safetensors or GGUF version of the model",
        folder.string(), some_names(pickled));
  }
  fail("{}: expected a model (config.json beside *.safetensors, or a GGUF file), found neither in this folder",
       folder.string());
}

// "model.safetensors" or "model-00001-of-00002.safetensors"
bool is_usual_name(std::string_view name) {
  constexpr std::string_view kEnding = ".safetensors";
  if (!name.ends_with(kEnding)) return false;
  name.remove_suffix(kEnding.size());
  const auto words = split(name, '-');
  const auto is_number = [](const std::string& word) {
    return !word.empty() && word.find_first_not_of("0123456789") == std::string::npos;
  };
  return words[0] == "model" &&
         (words.size() == 1 || (words.size() == 4 && is_number(words[1]) && words[2] == "of" && is_number(words[3])));
}

ModelFiles files_of_file(const Path& path) {
  const std::string beginning = beginning_of(path);
  if (is_lfs_pointer(beginning)) fail_lfs_pointer(path.string());
  if (beginning.starts_with("GGUF") || has_ending(path, ".gguf")) return {ModelFiles::Kind::gguf, path, ""};
  const Path folder = path.has_parent_path() ? path.parent_path() : Path(".");
  if (has_ending(path, ".safetensors")) {
    if (!is_file(folder / "config.json")) return {ModelFiles::Kind::tensors, path, ""};
    if (is_usual_name(path.filename().string())) return {ModelFiles::Kind::folder, folder, ""};
    return {ModelFiles::Kind::folder, folder, "", path};
  }
  const std::string name = path.filename().string();
  if (name == "config.json" || name == "model.safetensors.index.json" || name == "tokenizer.json")
    return {ModelFiles::Kind::folder, folder, ""};
  const bool named_so = has_ending(path, ".pth") || has_ending(path, ".pt") || has_ending(path, ".ckpt") ||
                        name.starts_with("pytorch_model");
  if (is_pickled(beginning) || named_so) {
    fail(
        "{}: expected a model in safetensors or GGUF files, found pickled weights, which are programs that run when "
        "they are read and are not "
        "supported; take a safetensors or GGUF version of the model",
        path.string());
  }
  if (beginning.starts_with("ggml") || beginning.starts_with("lmgg") || beginning.starts_with("fmgg") ||
      beginning.starts_with("tjgg"))
    fail(
        "{}: expected a GGUF file, found one of its predecessors (GGML), which is not supported; take a GGUF version "
        "of the model",
        path.string());
  fail("{}: expected a Hugging Face folder or a GGUF file, which begins with the letters GGUF, found another file",
       path.string());
}

}  // namespace

Path snapshot_of(const Path& repository) {
  const Path snapshots = repository / "snapshots", main = repository / "refs" / "main";
  if (is_file(main)) {
    std::string commit = read_file(main, 1 << 12);
    commit.erase(std::remove_if(commit.begin(), commit.end(), [](unsigned char c) { return std::isspace(c); }),
                 commit.end());
    if (!commit.empty() && Path(commit) == Path(commit).filename() && is_folder(snapshots / commit))
      return snapshots / commit;
  }
  std::vector<Path> all = entries_of(snapshots);
  std::erase_if(all, [](const Path& path) { return !is_folder(path); });
  if (all.size() == 1) return all.front();
  if (all.empty())
    fail("{}: expected a snapshot of the model under snapshots/, found none; its download has not ended",
         repository.string());
  fail("{}: expected refs/main to name one of the snapshots, found that it does not; give the path of one of them: {}",
       repository.string(), some_names(all));
}

bool is_gguf_file(const Path& path) {
  if (!is_file(path)) return false;
  const std::string beginning = beginning_of(path);
  return beginning.starts_with("GGUF") || (has_ending(path, ".gguf") && is_lfs_pointer(beginning));
}

bool is_model_path(const Path& path) {
  if (is_file(path)) return has_ending(path, ".gguf") || has_ending(path, ".safetensors") || is_gguf_file(path);
  if (is_file(path / "config.json") || is_file(path / "tokenizer.json") || is_cached_repository(path)) return true;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(path, ignored))
    if (has_ending(entry.path(), ".gguf")) return true;
  return false;
}

std::vector<Path> gguf_files_in(const Path& folder) {
  std::vector<Path> all, files;
  for (const Path& path : entries_of(folder)) {
    const std::string name = path.filename().string();
    const auto part = gguf_part(name);
    if (name.starts_with('.') || (part && part->number != 1)) continue;
    if (has_ending(path, ".gguf") || (!path.has_extension() && is_gguf_file(path))) all.push_back(path);
  }
  std::copy_if(all.begin(), all.end(), std::back_inserter(files),
               [](const Path& path) { return !is_beside_a_model(path); });
  return files.empty() ? all : files;
}

bool has_gguf_with(const Path& folder, const std::string& tag) {
  if (!is_folder(folder)) return false;
  return std::ranges::any_of(gguf_files_in(folder),
                             [&](const Path& file) { return has_word(file.filename().string(), tag); });
}

ModelFiles files_at(const Path& path, const std::string& tag) {
  ModelFiles files = is_folder(path) ? files_in_folder(model_of_run(path), tag) : files_of_file(path);
  if (!files.name.empty()) return files;
  const Path whole = path.filename().empty() || path.filename() == "." || path.filename() == ".."
                         ? (fs::absolute(path) / "").lexically_normal().parent_path()
                         : path;
  files.name = is_folder(path) || files.kind == ModelFiles::Kind::gguf ? gguf_stem(whole.filename().string()) : "";
  if (files.name.empty()) files.name = fs::absolute(files.path).lexically_normal().filename().string();
  return files;
}

}  // namespace hadal::weights
