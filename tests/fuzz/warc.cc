// Archives, and the HTTP messages in them.
#include "research/warc.h"
#include "fuzz.h"

HADAL_FUZZER(input) {
  using namespace hadal::research;
  constexpr uint64_t kMaxBytes = 1 << 20;
  bool torn = false;
  const auto use = [](WarcRecord&& record) {
    hadal::fuzz::expect_error_or_success([&] { read_response(record, kMaxBytes); });
    return true;
  };
  read_warc(hadal::fuzz::file("input.warc", input), use, &torn, kMaxBytes);
}
