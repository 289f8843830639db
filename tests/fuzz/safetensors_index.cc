// The index of a sharded model. It names files, and must name none outside its folder.
#include "formats/safetensors.h"
#include "fuzz.h"

HADAL_FUZZER(input) {
  using namespace hadal;
  static const bool shard = [] {
    const std::string header = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
    const uint64_t length = header.size();
    fuzz::file("s.safetensors", std::string(reinterpret_cast<const char*>(&length), 8) + header + "1234");
    return true;
  }();
  HADAL_CHECK(shard);
  fuzz::file("model.safetensors.index.json", input);
  Safetensors::open_folder(fuzz::folder());
}
