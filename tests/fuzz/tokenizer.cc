// tokenizer.json: what is accepted can encode and decode any text.
#include "tokenizer/tokenizer.h"

#include "fuzz.h"

HADAL_FUZZER(input) {
  using namespace hadal;
  fuzz::file("tokenizer.json", input);
  const auto tokenizer = Tokenizer::from_hf_folder(fuzz::folder());
  for (const std::string_view text :
       {"Hello, w\xc3\xb6rld! 12345\r\n  <think>\t\xe4\xbd\xa0\xe5\xa5\xbd", "\xff\xfe a\xcc\x81"}) {
    for (const bool special : {false, true})
      fuzz::expect_error_or_success([&] { tokenizer.decode(tokenizer.encode(text, special), !special); });
  }
}
