#include "train/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "formats/safetensors.h"
#include "train/hash.h"

namespace hadal {
namespace {

struct Item {
  std::string name;
  std::vector<int64_t> shape;
  std::span<float> values;
};

std::vector<Item> model_items(const ParamList& params) {
  std::vector<Item> items;
  for (Param* p : params) items.push_back({p->name, p->weight.shape(), p->weight.value().values()});
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

void sync_folder(const Path& folder) {
  const int fd = open(folder.c_str(), O_RDONLY | O_DIRECTORY);
  if (fd < 0) fail("{}: cannot be opened: {}", folder.string(), std::strerror(errno));
  const int failed = fsync(fd), reason = errno;
  close(fd);
  if (failed != 0) fail("{}: cannot be forced to disk: {}", folder.string(), std::strerror(reason));
}

int64_t step_of(const Path& folder) {
  const std::string name = folder.filename().string(), prefix = "checkpoint-";
  if (!name.starts_with(prefix) || name.size() == prefix.size() || name.size() > prefix.size() + 18) return -1;
  const std::string digits = name.substr(prefix.size());
  return digits.find_first_not_of("0123456789") == std::string::npos ? std::stoll(digits) : -1;
}

std::string advice(const Path& folder) {
  return fmt::format("remove the folder {} to resume from the checkpoint before it, or start a new run",
                     folder.string());
}

void check_file(const Path& file, const Json& expected, const Path& folder) {
  if (!std::filesystem::exists(file))
    fail("{}: expected a file of the checkpoint, found none; {}", file.string(), advice(folder));
  const uint64_t size = std::filesystem::file_size(file);
  if (size != expected.at("bytes").get<uint64_t>()) {
    fail("{}: the checkpoint is damaged: expected {} bytes, found {}; {}", file.string(),
         expected.at("bytes").get<uint64_t>(), size, advice(folder));
  }
  const uint32_t crc = file_crc(file);
  if (crc != expected.at("crc32c").get<uint32_t>()) {
    fail("{}: the checkpoint is damaged: expected the checksum {:08x}, found {:08x}; {}", file.string(),
         expected.at("crc32c").get<uint32_t>(), crc, advice(folder));
  }
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

std::vector<Path> list_checkpoints(const Path& run) {
  std::vector<Path> found;
  if (!std::filesystem::is_directory(run)) return found;
  for (const auto& entry : std::filesystem::directory_iterator(run)) {
    if (step_of(entry.path()) >= 0 && std::filesystem::exists(entry.path() / "state.json"))
      found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end(), [](const Path& a, const Path& b) { return step_of(a) < step_of(b); });
  return found;
}

void save_checkpoint(const Path& run, int64_t step, const ParamList& params, Optimizer& optimizer, const Json& state,
                     int64_t keep) {
  std::filesystem::create_directories(run);
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
        "go on with --resume",
        target.string(), bytes >> 20, free_bytes >> 20);
  }
  std::error_code ignored;
  std::filesystem::remove_all(temporary, ignored);
  try {
    std::filesystem::create_directories(temporary);
    Json whole = state;
    whole["format"] = 1;
    whole["updates"] = optimizer.updates;
    whole["files"]["model.safetensors"] = write_items(temporary / "model.safetensors", model);
    whole["files"]["optimizer.safetensors"] = write_items(temporary / "optimizer.safetensors", moments);
    write_file_whole(temporary / "state.json", dump_json(whole, 1) + "\n");
    sync_folder(temporary);
    std::filesystem::remove_all(target, ignored);  // of a run that was resumed from before it
    std::filesystem::rename(temporary, target);
    sync_folder(run);
  } catch (const std::exception& error) {
    std::filesystem::remove_all(temporary, ignored);
    fail(
        "{}: the checkpoint could not be written: {}; the checkpoints before it are untouched: mend that and go on "
        "with --resume",
        target.string(), error.what());
  }
  auto all = list_checkpoints(run);
  for (size_t i = 0; i + static_cast<size_t>(keep) < all.size(); ++i) {
    if (all[i] != target) std::filesystem::remove_all(all[i], ignored);
  }
}

Json load_checkpoint(const Path& folder, const ParamList& params, Optimizer& optimizer) {
  const Path file = folder / "state.json";
  try {
    const Json state = parse_json(read_file(file, 256 << 20), file.string());
    if (state.at("format") != 1)
      fail("{}: expected a checkpoint of format 1, found {}; {}", file.string(), dump_json(state.at("format")),
           advice(folder));
    for (const char* name : {"model.safetensors", "optimizer.safetensors"})
      check_file(folder / name, state.at("files").at(name), folder);
    read_items(folder / "model.safetensors", model_items(params));
    read_items(folder / "optimizer.safetensors", optimizer_items(optimizer));
    optimizer.updates = state.at("updates");
    for (Param* p : params) p->weight.changed();
    return state;
  } catch (const Json::exception& error) {
    fail("{}: the checkpoint is damaged: {}; {}", file.string(), error.what(), advice(folder));
  }
}

}  // namespace hadal
