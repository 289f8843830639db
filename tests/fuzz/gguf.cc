// A GGUF file: every key that is accepted can be read, as whatever it is asked for.
#include "formats/gguf.h"

#include "fuzz.h"

HADAL_FUZZER(input) {
  using namespace hadal;
  const auto file = GgufFile::open(fuzz::file("x.gguf", input));
  for (const auto& [key, value] : file.values()) {
    describe(value);
    whole_number(value);
    fuzz::expect_error_or_success([&, &name = key] { file.integer(name); });
    fuzz::expect_error_or_success([&, &name = key] { file.number(name); });
    fuzz::expect_error_or_success([&, &name = key] { file.boolean(name); });
    fuzz::expect_error_or_success([&, &name = key] { file.text(name); });
    fuzz::expect_error_or_success([&, &name = key] { file.texts(name); });
    fuzz::expect_error_or_success([&, &name = key] { file.integers(name); });
  }
  for (const auto& [name, tensor] : file.tensors()) {
    HADAL_CHECK(tensor.bytes.size() <= input.size());
    volatile std::byte sum{};
    for (const std::byte b : tensor.bytes) sum = sum ^ b;
    tensor.type_name();
    tensor.num_elements();
  }
}
