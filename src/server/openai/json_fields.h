// Fields of a request's JSON, read and checked. What is wrong throws ApiError (400) naming the parameter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json_fwd.h"

namespace hadal {

[[noreturn]] void wrong(const std::string& param, std::string_view expected, const Json& found);

const Json* field(const Json& body, const char* name);  // nullptr where it is not there, or null

double read_number(const Json& value, const std::string& param, double low, double high);
// 3.0 is a whole number too: some languages write no other. `expected` for the error; "": the range.
int64_t read_integer(const Json& value, const std::string& param, int64_t low, int64_t high, std::string expected = "");
// False where it is not there. `inside` names the object in the error; "" is the body.
bool read_flag(const Json& object, const char* name, const std::string& inside = "");

}  // namespace hadal
