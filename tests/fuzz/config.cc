// config.json: what is accepted is written and read again as the same.
#include "model/config.h"

#include "base/json.h"
#include "fuzz.h"

HADAL_FUZZER(input) {
  using namespace hadal;
  const ModelConfig config = config_from_json(parse_json(input, "config.json"), "config.json");
  const Json written = Json::parse(dump_json(config_to_json(config)));
  HADAL_CHECK(dump_json(config_to_json(config_from_json(written, "written"))) == dump_json(config_to_json(config)));
}
