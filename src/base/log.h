// Log lines go to stderr, never to stdout: stdout belongs to answers and to --json documents.
#pragma once

#include <fmt/core.h>

#include <string_view>

namespace hadal {

enum class LogLevel { info, warning, error };

void set_log_level(LogLevel level);  // default: info
void log_message(LogLevel level, std::string_view message);

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::info, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::warning, fmt::format(format, std::forward<Args>(args)...));
}
template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_message(LogLevel::error, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace hadal
