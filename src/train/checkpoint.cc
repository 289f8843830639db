#include "train/checkpoint.h"

#include <algorithm>

#include "base/hash.h"
#include "base/json.h"
#include "base/log.h"
#include "formats/safetensors.h"
#include "train/run_folder.h"
#include "weights/hf_names.h"

namespace hadal {
namespace {

struct Item {
  std::string name;
  std::vector<int64_t> shape;
  std::span<float> values;
};

// A stack of experts is one tensor an expert. `stacked`: as checkpoints of format 1 have it, in one.
std::vector<Item> model_items(const ParamList& params, bool stacked = false) {
  std::vector<Item> items;
  for (Param* p : params) {
    const std::span<float> values = p->weight.value().values();
    if (stacked || !weights::is_stack(*p)) {
      items.push_back({p->name, p->weight.shape(), values});
      continue;
    }
    const auto count = static_cast<size_t>(p->weight.stack()), size = values.size() / count;
    for (size_t e = 0; e < count; ++e)
      items.push_back({weights::expert_name(p->name, static_cast<int64_t>(e)), weights::entry_shape(*p),
                       values.subspan(e * size, size)});
  }
  return items;
}

std::vector<Item> optimizer_items(Optimizer& optimizer) {
  std::vector<Item> items;
  optimizer.for_each_state([&](const std::string& name, std::span<float> values) {
    items.push_back({name, {static_cast<int64_t>(values.size())}, values});
  });
  return items;
}

uint32_t file_crc(const Path& file) {
  const MappedFile mapped(file);
  return crc32c(mapped.bytes().data(), mapped.bytes().size());
}

Json write_items(const Path& file, const std::vector<Item>& items) {
  std::vector<SafetensorsWriter::Tensor> tensors;
  for (const Item& item : items) tensors.push_back({item.name, "F32", item.shape});
  SafetensorsWriter writer(file, tensors);
  for (const Item& item : items) writer.write(item.values.data(), item.values.size_bytes());
  writer.commit();
  return {{"bytes", std::filesystem::file_size(file)}, {"crc32c", file_crc(file)}};
}

template <typename... Args>
[[noreturn]] void damaged(fmt::format_string<Args...> format, Args&&... args) {
  throw DamagedCheckpoint(fmt::format(format, std::forward<Args>(args)...));
}

void check_file(const Path& file, const Json& expected) {
  std::error_code error;
  if (!std::filesystem::exists(file, error))
    damaged("{}: expected a file of the checkpoint, found none", file.string());
  const uint64_t bytes = expected.at("bytes"), size = std::filesystem::file_size(file, error);
  if (error || size != bytes)
    damaged("{}: the checkpoint is damaged: expected {} bytes, found {}", file.string(), bytes,
            error ? error.message() : std::to_string(size));
  const uint32_t recorded = expected.at("crc32c"), crc = file_crc(file);
  if (crc != recorded)
    damaged("{}: the checkpoint is damaged: expected the checksum {:08x}, found {:08x}", file.string(), recorded, crc);
}

void read_items(const Path& file, const std::vector<Item>& items) {
  const Safetensors tensors = Safetensors::open_file(file);
  for (const Item& item : items) {
    const SafetensorsEntry* entry = tensors.find(item.name);
    if (!entry)
      fail("{}: expected the tensor {}, found none; the recipe's model or optimizer has changed, start a new run",
           file.string(), item.name);
    if (entry->dtype != "F32" || entry->shape != item.shape) {
      fail("{}: {}: expected F32 {}, found {} {}; the recipe's model has changed, start a new run", file.string(),
           item.name, shape_text(item.shape), entry->dtype, shape_text(entry->shape));
    }
  }
  if (tensors.entries().size() != items.size()) {
    fail("{}: expected {} tensors, found {}; the recipe has changed, start a new run", file.string(), items.size(),
         tensors.entries().size());
  }
  for (const Item& item : items) tensors.find(item.name)->read(item.values);
}

}  // namespace

int64_t checkpoint_step(const Path& folder) {
  const std::string name = folder.filename().string(), prefix = "checkpoint-";
  if (!name.starts_with(prefix) || name.size() == prefix.size() || name.size() > prefix.size() + 18) return -1;
  const std::string digits = name.substr(prefix.size());
  return digits.find_first_not_of("0123456789") == std::string::npos ? std::stoll(digits) : -1;
}

std::vector<Path> list_checkpoints(const Path& run) {
  std::vector<Path> found;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(run, ignored)) {
    if (checkpoint_step(entry.path()) >= 0 && std::filesystem::exists(entry.path() / "state.json", ignored))
      found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end(),
            [](const Path& a, const Path& b) { return checkpoint_step(a) < checkpoint_step(b); });
  return found;
}

void set_aside(const Path& checkpoint, const char* why) {
  const Path aside = checkpoint.parent_path() / fmt::format("{}-{}", why, checkpoint_step(checkpoint));
  std::error_code error;
  std::filesystem::remove_all(aside, error);
  std::filesystem::rename(checkpoint, aside, error);
  if (error) log_warning("{}: cannot be renamed: {}", checkpoint.string(), error.message());
}

void prune_checkpoints(const Path& run, int64_t keep, int64_t good) {
  auto all = list_checkpoints(run);
  for (size_t i = 0; i + static_cast<size_t>(keep) < all.size(); ++i)
    if (checkpoint_step(all[i]) != good) remove_folder(all[i]);
  std::vector<Path> aside;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(run, ignored)) {
    const std::string name = entry.path().filename().string(), number = name.substr(name.find('-') + 1);
    const bool ours = name == fmt::format("{}-{}", kDamaged, number) || name == fmt::format("{}-{}", kDiverged, number);
    if (ours && checkpoint_step("checkpoint-" + number) >= 0) aside.push_back(entry.path());
  }
  for (const Path& folder : aside) std::filesystem::remove_all(folder, ignored);
}

void save_checkpoint(const Path& run, int64_t step, const ParamList& params, Optimizer& optimizer, const Json& state,
                     const std::function<void(const Path&)>& describe) {
  make_folder(run);
  const auto model = model_items(params), moments = optimizer_items(optimizer);
  uint64_t bytes = 1 << 20;
  for (const auto* items : {&model, &moments}) {
    for (const Item& item : *items) bytes += item.values.size_bytes();
  }
  const uint64_t free_bytes = free_disk_bytes(run);
  const Path target = run / fmt::format("checkpoint-{}", step), temporary = run / fmt::format("unfinished-{}", step);
  if (free_bytes < bytes) {
    fail(
        "{}: a checkpoint needs {} MB of disk, {} MB are free; the checkpoints before it are untouched: make room and "
        "continue with --resume",
        target.string(), bytes >> 20, free_bytes >> 20);
  }
  std::error_code ignored;
  std::filesystem::remove_all(temporary, ignored);
  try {
    make_folder(temporary);
    Json whole = state;
    whole["format"] = 2;
    whole["updates"] = optimizer.updates;
    whole["files"]["model.safetensors"] = write_items(temporary / "model.safetensors", model);
    whole["files"]["optimizer.safetensors"] = write_items(temporary / "optimizer.safetensors", moments);
    if (describe) describe(temporary);
    write_file_whole(temporary / "state.json", dump_json(whole, 1) + "\n");
    sync_folder(temporary);
    remove_folder(target);  // of a run that was resumed from before it
    std::filesystem::rename(temporary, target);
    sync_folder(run);
  } catch (const std::exception& error) {
    std::filesystem::remove_all(temporary, ignored);
    fail(
        "{}: the checkpoint could not be written: {}; the checkpoints before it are untouched: mend that and continue "
        "with --resume",
        target.string(), error.what());
  }
}

Json load_checkpoint(const Path& folder, const ParamList& params, Optimizer& optimizer) {
  const Path file = folder / "state.json";
  Json state;
  try {
    state = parse_json(read_file(file, 256 << 20), file.string());
  } catch (const Error& error) {
    damaged("{}", error.what());
  }
  try {
    const int64_t format = state.at("format");
    if (format != 1 && format != 2)
      fail("{}: expected a checkpoint of format 1 or 2, found {}; it needs a newer hadal", file.string(), format);
    for (const char* name : {"model.safetensors", "optimizer.safetensors"})
      check_file(folder / name, state.at("files").at(name));
    read_items(folder / "model.safetensors", model_items(params, format == 1));
    read_items(folder / "optimizer.safetensors", optimizer_items(optimizer));
    optimizer.updates = state.at("updates");
    for (Param* p : params) p->weight.changed();
    return state;
  } catch (const Json::exception& error) {
    damaged("{}: the checkpoint is damaged: {}", file.string(), plain_words(error));
  }
}

}  // namespace hadal
