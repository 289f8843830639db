#include "cli/cluster_text.h"

#include <charconv>
#include <cmath>
#include <ctime>

#include "base/error.h"
#include "base/json.h"
#include "base/text.h"
#include "cli/command_line.h"
#include "cli/options.h"

namespace hadal {
namespace {

// Takes a number above zero from the beginning of the text; 0 where there is none.
double take_number(std::string_view& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
  if (error != std::errc() || !std::isfinite(value)) return 0;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

double seconds_of(char unit) {
  return unit == 's' ? 1 : unit == 'm' ? 60 : unit == 'h' ? 3600 : unit == 'd' ? 86400 : 0;
}

// 0 for what is no span.
double span_of(std::string_view text) {
  double seconds = 0;
  while (!text.empty()) {
    const double value = take_number(text), unit = text.empty() ? 0 : seconds_of(text[0]);
    if (!(value > 0) || unit == 0) return 0;
    seconds += value * unit;
    text.remove_prefix(1);
  }
  return seconds < 1e9 ? seconds : 0;
}

size_t columns(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

}  // namespace

int64_t parse_memory(const std::string& text, const std::string& option) {
  std::string_view rest = text;
  double value = take_number(rest);
  constexpr std::string_view kUnits = "KMGT";
  if (!rest.empty()) {
    const char unit = static_cast<char>(std::toupper(static_cast<unsigned char>(rest[0])));
    const size_t power = kUnits.find(unit);
    rest.remove_prefix(1);
    if (power == std::string_view::npos || !(rest.empty() || rest == "B" || rest == "iB" || rest == "b"))
      value = 0;
    else
      value *= std::pow(1024.0, static_cast<double>(power + 1));
  }
  if (!(value >= 1) || value > 1e18) throw BadValue{option, "expected a size such as 2G or 512M, found " + brief(text)};
  return static_cast<int64_t>(value);
}

double parse_time_span(const std::string& text, const std::string& option) {
  const double seconds = span_of(text);
  if (seconds <= 0) throw BadValue{option, "expected a time such as 90m, 2h or 1d, found " + brief(text)};
  return seconds;
}

double parse_until(const std::string& text, const std::string& option, double now) {
  if (const double span = span_of(text); span > 0) return now + span;
  std::tm time{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%d", &time);
  const bool day_alone = end != nullptr && *end == '\0';
  if (day_alone) ++time.tm_mday;  // its end
  if (end != nullptr && (*end == 'T' || *end == ' ')) end = ::strptime(end + 1, "%H:%M", &time);
  time.tm_isdst = -1;
  const std::time_t value = end != nullptr && *end == '\0' ? std::mktime(&time) : -1;
  if (value == -1 || static_cast<double>(value) <= now)
    throw BadValue{option,
                   "expected a day to come such as 2026-12-24, a time such as 2026-12-24T18:00, or a span such as "
                   "7d, found " +
                       brief(text)};
  return static_cast<double>(value);
}

std::string time_ago(double then, double now) {
  const double s = std::max(0.0, now - then);
  if (s < 10) return "just now";
  if (s < 120) return fmt::format("{:.0f} s ago", s);
  if (s < 7200) return fmt::format("{:.0f} min ago", s / 60);
  if (s < 2 * 86400) return fmt::format("{:.0f} h ago", s / 3600);
  return fmt::format("{:.0f} d ago", s / 86400);
}

std::string clock_text(double time) {
  const auto seconds = static_cast<std::time_t>(time);
  std::tm here{};
  ::localtime_r(&seconds, &here);
  char text[64];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &here)};
}

std::string figure_text(const OrderedJson& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer()) return std::to_string(value.get<int64_t>());
  return value.is_number() ? fmt::format("{:.5g}", value.get<double>()) : "-";
}

std::string tokens_text(double tokens) {
  if (tokens < 1000) return fmt::format("{:.0f}", tokens);
  if (tokens < 1e6) return fmt::format("{:.3g}k", tokens / 1e3);
  return tokens < 1e9 ? fmt::format("{:.3g}M", tokens / 1e6) : fmt::format("{:.4g}B", tokens / 1e9);
}

std::string core_hours_text(double hours) {
  if (hours <= 0) return "0";
  if (hours < 1e-4) return "<0.0001";
  return hours < 10 ? fmt::format("{:.4f}", hours) : fmt::format("{:.{}f}", hours, hours < 1000 ? 2 : 0);
}

std::string joules_text(double joules) {
  if (joules < 1000) return fmt::format("{:.0f} J", joules);
  return joules < 1e6 ? fmt::format("{:.1f} kJ", joules / 1e3) : fmt::format("{:.2f} kWh", joules / 3.6e6);
}

std::string money_text(double amount) {
  if (amount > 0 && amount < 1e-4) return "<0.0001";
  return fmt::format("{:.{}f}", amount, amount > 0 && amount < .1 ? 4 : 2);
}

std::string cell(std::string_view text, size_t width) {
  std::string out(text.empty() ? "-" : text);
  if (columns(out) > width) {
    size_t at = 0;
    for (size_t column = 0; column + 1 < width && at < out.size(); ++column)
      for (++at; at < out.size() && (static_cast<unsigned char>(out[at]) & 0xC0) == 0x80;) ++at;
    out = out.substr(0, at) + "…";
  }
  return out + std::string(width - std::min(width, columns(out)), ' ');
}

void print_table(std::string_view text) {
  std::string out;
  for (const std::string& line : split(text, '\n')) out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  out.pop_back();  // behind the last line's end is nothing
  print_text(out);
}

}  // namespace hadal
