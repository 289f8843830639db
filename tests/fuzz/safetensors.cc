// A safetensors file: every tensor that is accepted can be read.
#include "formats/safetensors.h"

#include "fuzz.h"

HADAL_FUZZER(input) {
  using namespace hadal;
  const auto file = Safetensors::open_file(fuzz::file("x.safetensors", input));
  for (const auto& item : file.entries()) {
    const SafetensorsEntry& entry = item.second;
    HADAL_CHECK(entry.bytes.size() <= input.size());
    if (entry.num_elements() > 1 << 20) continue;  // of no bytes each: there is no such type, reading refuses it
    fuzz::expect_error_or_success([&] {
      std::vector<float> numbers(static_cast<size_t>(entry.num_elements()));
      entry.read(std::span(numbers));
    });
    fuzz::expect_error_or_success([&] {
      std::vector<Bf16> numbers(static_cast<size_t>(entry.num_elements()));
      entry.read(std::span(numbers));
    });
  }
}
