#include "weights/store.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>

#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "formats/gguf_name.h"
#include "weights/find/model_files.h"

namespace hadal::weights {
namespace {

namespace fs = std::filesystem;
constexpr std::string_view kPartial = ".partial";
constexpr uint64_t kMaxConfigBytes = 4 << 20;

bool is_there(const Path& path) {  // also a dangling link
  std::error_code ignored;
  return fs::exists(fs::symlink_status(path, ignored));
}

uint64_t size_of(const Path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return fs::is_regular_file(path, error) ? fs::file_size(path, error) : 0;
  uint64_t bytes = 0;
  for (const auto& entry : fs::recursive_directory_iterator(path, fs::directory_options::skip_permission_denied, error))
    if (entry.is_regular_file(error)) bytes += entry.file_size(error);
  return bytes;
}

// By its extension, or by its first bytes.
bool is_gguf(const Path& path) {
  return has_gguf_ending(path.string()) || (!path.has_extension() && is_gguf_file(path));
}

// Of a folder; "": it has none.
Path first_gguf(const Path& folder) {
  const std::vector<Path> files = gguf_files_in(folder);
  return files.empty() ? Path() : files.front();
}

// general.architecture is among a GGUF file's first keys: its name, type 8 (string), a length of eight bytes, the text.
std::string gguf_architecture(const Path& path) {
  std::string head(4096, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(head.data(), static_cast<std::streamsize>(head.size()));
  head.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  static constexpr std::string_view kKey("general.architecture\x08\0\0\0", 24);
  const size_t at = head.find(kKey);
  if (!head.starts_with("GGUF") || at == std::string::npos || at + kKey.size() + 8 > head.size()) return "";
  uint64_t length = 0;
  std::memcpy(&length, head.data() + at + kKey.size(), 8);
  const std::string text = length > 64 ? "" : head.substr(at + kKey.size() + 8, length);
  const bool plain = std::all_of(text.begin(), text.end(), [](unsigned char c) { return c > 32 && c < 127; });
  return plain ? text : "";
}

// "x-Q4_K_M-v2" -> "Q4_K_M": what begins behind a - . or _ and names a type of GGUF's.
std::string quantisation_in_name(const std::string& name) {
  constexpr std::array<std::string_view, 5> kPlain = {"bf16", "f16", "f32", "fp16", "mxfp4"};
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const std::string lower = lower_case(name);
  for (size_t begin = 0; begin < name.size(); begin = name.find_first_of("-._", begin), begin += begin < name.size()) {
    const size_t end = std::min(lower.find_first_of("-.", begin), name.size());
    const std::string_view word = std::string_view(lower).substr(begin, end - begin);
    const std::string_view plain = word.substr(0, word.find('_'));
    if (std::ranges::find(kPlain, plain) != kPlain.end()) return name.substr(begin, plain.size());
    const size_t q = word.starts_with('i') || word.starts_with('t') ? 1 : 0;
    if (word.size() > q + 1 && word[q] == 'q' && is_digit(word[q + 1]) && (word.size() == q + 2 || word[q + 2] == '_'))
      return name.substr(begin, end - begin);
  }
  return "";
}

std::string text_at(const Json& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

void describe_folder(StoredModel& model) {
  try {
    const Json config = parse_json(read_file(model.path / "config.json", kMaxConfigBytes), "config.json");
    if (!config.is_object()) return;
    model.family = text_at(config, "model_type");
    const auto quantised = config.find("quantization_config");
    model.quantisation = quantised != config.end() && quantised->is_object() ? text_at(*quantised, "quant_method")
                         : config.contains("dtype")                          ? text_at(config, "dtype")
                                                                             : text_at(config, "torch_dtype");
  } catch (const std::exception&) {  // one broken folder must not end the list; loading it reports the error
  }
}

std::optional<StoredModel> describe(const Path& path) {
  StoredModel model;
  model.name = path.filename().string();
  model.path = path;
  std::error_code ignored;
  const bool folder = fs::is_directory(path, ignored);
  if (model.name.starts_with('.')) {
    if (!folder || !model.name.ends_with(kPartial) || model.name.size() <= kPartial.size() + 1) return std::nullopt;
    model.name = model.name.substr(1, model.name.size() - 1 - kPartial.size());
    model.kind = ModelKind::unfinished;
  } else if (folder && fs::is_regular_file(path / "config.json", ignored)) {
    describe_folder(model);
  } else if (const Path gguf = folder ? first_gguf(path) : path; is_gguf(gguf)) {
    model.kind = ModelKind::gguf;
    model.family = gguf_architecture(gguf);
    model.quantisation = quantisation_in_name(gguf.stem().string());
    if (!folder && has_gguf_ending(path.string())) model.name = path.stem().string();
  } else if (!folder && path.extension() == ".safetensors") {
    model.kind = ModelKind::safetensors;
  } else {
    return std::nullopt;
  }
  model.bytes = size_of(path);
  return model;
}

}  // namespace

const char* to_text(ModelKind kind) {
  switch (kind) {
    case ModelKind::folder:
      return "folder";
    case ModelKind::gguf:
      return "GGUF";
    case ModelKind::safetensors:
      return "safetensors";
    case ModelKind::unfinished:
      return "unfinished";
  }
  return "";
}

std::vector<Path> model_store_folders() {
  std::vector<Path> folders;
  if (const char* extra = std::getenv("HADAL_MODELS"); extra != nullptr && *extra != '\0') folders.emplace_back(extra);
  folders.emplace_back("models");
  return folders;
}

std::vector<StoredModel> stored_models() {
  std::vector<StoredModel> models;
  std::vector<Path> seen;
  for (const Path& folder : model_store_folders()) {
    std::error_code error;
    const Path real = fs::canonical(folder, error);
    if (error || std::find(seen.begin(), seen.end(), real) != seen.end()) continue;
    seen.push_back(real);
    std::vector<Path> paths;
    for (const auto& entry : fs::directory_iterator(folder, error)) paths.push_back(entry.path());
    std::sort(paths.begin(), paths.end());
    for (const Path& path : paths)
      if (auto model = describe(path)) models.push_back(std::move(*model));
  }
  return models;
}

StoredModel find_stored_model(const std::string& name) {
  check_model_name(name);
  const auto models = stored_models();
  std::vector<std::string> names;
  for (const bool unfinished : {false, true}) {
    for (const auto& model : models) {
      if ((model.kind == ModelKind::unfinished) != unfinished) continue;
      if (model.name == name || model.path.filename() == name) return model;
      names.push_back(model.name);
    }
  }
  if (names.empty()) fail("{}: there is no such model, and no other; `hadal pull` fetches one", name);
  fail("{}: there is no such model; there are: {}", name, fmt::join(names, ", "));
}

// Renamed first: what an interrupted removal leaves must not look like a model.
void remove_model(const StoredModel& model) {
  std::error_code error;
  Path doomed = model.path;
  if (fs::is_directory(fs::symlink_status(model.path, error)) && model.kind != ModelKind::unfinished) {
    doomed = partial_folder(model.path.parent_path(), model.name + ".removed");
    fs::remove_all(doomed, error);
    fs::rename(model.path, doomed, error);
    if (error) fail("{}: cannot remove: {}", model.path.string(), error.message());
  }
  if (model.kind != ModelKind::unfinished) fs::remove(source_note(model.path), error);
  fs::remove_all(doomed, error);  // follows no links
  if (error) fail("{}: cannot remove: {}", doomed.string(), error.message());
}

Path rename_model(const StoredModel& model, const std::string& name) {
  if (model.kind == ModelKind::unfinished) {
    fail("{}: is not finished; `hadal pull` its source again, then rename it", model.name);
  }
  const std::string ending = model.path.filename().string().substr(model.name.size());  // ".gguf" or ""
  const std::string plain =
      !ending.empty() && name.ends_with(ending) ? name.substr(0, name.size() - ending.size()) : name;
  check_model_name(plain);
  check_name_is_free(model.path.parent_path(), plain);
  const Path path = model.path.parent_path() / (plain + ending);
  std::error_code error;
  fs::rename(model.path, path, error);
  if (error) fail("{}: cannot rename to {}: {}", model.path.string(), path.string(), error.message());
  fs::rename(source_note(model.path), source_note(path), error);  // if there is one
  return path;
}

void check_model_name(const std::string& name) {
  bool good = !name.empty() && name.size() <= 200 && name.front() != '.' && name.front() != '-' && name.front() != ' ';
  for (const unsigned char c : name) good = good && c >= 32 && c != 127 && c != '/' && c != '\\';
  if (!good)
    fail("name: expected letters, digits and . - _ without a folder and without a leading dot, found \"{}\"", name);
}

void check_name_is_free(const Path& folder, const std::string& name) {
  for (const Path& path : {folder / name, folder / (name + ".gguf")})
    if (is_there(path))
      fail("{}: is there already; remove it (`{}`) or take another name", path.string(),
           command({"models", "remove", name}));
}

Path source_note(const Path& model) {
  return model.parent_path() / fmt::format(".{}.source", model.filename().string());
}

Path partial_folder(const Path& folder, const std::string& name) {
  return folder / fmt::format(".{}{}", name, kPartial);
}

}  // namespace hadal::weights
