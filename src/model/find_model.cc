// Where models are, by name or path.
#include <fmt/ranges.h>

#include <cstdlib>
#include <set>

#include "base/error.h"
#include "model/load.h"
#include "model/run_model.h"

namespace hadal {
namespace {

std::vector<Path> model_folders() {
  std::vector<Path> folders;
  if (const char* extra = std::getenv("HADAL_MODELS"); extra != nullptr && *extra != '\0') folders.emplace_back(extra);
  folders.emplace_back("models");
  return folders;
}

bool is_model(const Path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path / "config.json", ignored) || path.extension() == ".gguf";
}

std::vector<std::string> known_models() {
  std::set<std::string> names;
  for (const Path& folder : model_folders()) {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder, ignored))
      if (is_model(entry.path())) names.insert(entry.path().filename().string());
  }
  return {names.begin(), names.end()};
}

Path located(const std::string& name_or_path) {
  const Path path(name_or_path);
  if (name_or_path.empty()) fail("model: expected a folder, a file or a name, found an empty text");
  if (std::filesystem::exists(path) && (path.has_parent_path() || is_model(path))) return path;
  if (path == path.filename()) {
    for (const Path& folder : model_folders())
      for (const Path& candidate : {folder / path, folder / (name_or_path + ".gguf")})
        if (std::filesystem::exists(candidate)) return candidate;
  }
  if (std::filesystem::exists(path)) return path;
  const auto names = known_models();
  if (names.empty())
    fail("{}: there is no such model, and none under models/; give the path of a Hugging Face folder", name_or_path);
  fail("{}: there is no such model; under models/ there are: {}", name_or_path, fmt::join(names, ", "));
}

}  // namespace

Path find_model(const std::string& name_or_path) { return model_of_run(located(name_or_path)); }

Path gguf_of(const Path& path) {
  if (!std::filesystem::is_directory(path)) {
    if (path.extension() == ".gguf") return path;
    fail("{}: expected a Hugging Face folder or a .gguf file, found another file", path.string());
  }
  if (std::filesystem::exists(path / "config.json")) return {};
  std::vector<Path> files;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    const std::string name = entry.path().filename().string();
    const bool later_part = name.find("-of-") != std::string::npos && name.find("-00001-of-") == std::string::npos;
    if (entry.path().extension() == ".gguf" && !later_part) files.push_back(entry.path());
  }
  if (files.size() > 1) {
    fail("{}: expected one GGUF model in this folder, found {}; give the path of one of them", path.string(),
         files.size());
  }
  return files.empty() ? Path() : files.front();
}

}  // namespace hadal
