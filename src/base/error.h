// Errors of the outside world (files, requests, recipes) are hadal::Error: who, what was expected, what was found, what
// to do. cli prints them, server answers with them. A programmer's mistake is HADAL_CHECK, which aborts.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>

#include "base/brief.h"

namespace hadal {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Messages are limited to 4 KiB (base/brief.h), whatever they quote.
[[noreturn]] void throw_error(std::string message);

// Throws Error with a formatted message. Quote text with brief() of base/brief.h, JSON with brief_json() of
// base/json.h.
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw_error(fmt::format(format, std::forward<Args>(args)...));
}

[[noreturn]] void check_failed(const char* file, int line, const char* condition, const std::string& message);

}  // namespace hadal

#define HADAL_CHECK(condition, ...)                                                         \
  do {                                                                                      \
    if (!(condition)) [[unlikely]]                                                          \
      ::hadal::check_failed(__FILE__, __LINE__, #condition, ::fmt::format("" __VA_ARGS__)); \
  } while (false)
