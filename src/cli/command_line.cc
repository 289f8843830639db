#include "cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>
#include <type_traits>

#include "base/brief.h"

namespace hadal {
namespace {

CLI::Option* of(void* option) { return static_cast<CLI::Option*>(option); }

// CLI11 takes whole numbers beyond 64 bits for the largest, and negative ones for unsigned ones.
template <std::integral T>
std::string out_of_range(const std::string& text) {
  T value = 0;
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const bool negative = std::is_unsigned_v<T> && text.starts_with('-');
  const auto [end, error] = std::from_chars(begin, text.data() + text.size(), value);
  if (!negative && error != std::errc::result_out_of_range) return "";
  return fmt::format("expected a whole number from {} to {}, found {}", std::numeric_limits<T>::min(),
                     std::numeric_limits<T>::max(), brief(text));
}

}  // namespace

struct CommandLine::Impl {
  std::unique_ptr<CLI::App> own;  // of the verb itself; its commands' belong to it
  CLI::App* app = nullptr;
  std::vector<std::unique_ptr<CommandLine>> commands;

  template <typename T>
  void* add(const std::string& names, T& value, const std::string& help) {
    CLI::Option* option = app->add_option(names, value, help);
    if constexpr (std::integral<T>) option->check(&out_of_range<T>, "");
    return option;
  }
};

Option Option::required() {
  of(option_)->required();
  return *this;
}
Option Option::show_default() {
  of(option_)->capture_default_str();
  return *this;
}
// CLI11's own checks of a range let NaN through, and write every digit of the largest double out.
template <typename T, typename Valid>
Option Option::check(Valid valid, const std::string& expected) {
  const auto check = [=](const std::string& text) {
    T value = 0;
    const bool is_valid = CLI::detail::lexical_cast(text, value) && valid(value);
    return is_valid ? "" : fmt::format("expected a number {}, found {}", expected, brief(text));
  };
  of(option_)->check(check, expected);
  return *this;
}
Option Option::one_of(std::vector<std::string> values) {
  of(option_)->check(CLI::IsMember(std::move(values)));
  return *this;
}
Option Option::whole_range(int64_t least, int64_t most) {
  return check<int64_t>([=](int64_t v) { return v >= least && v <= most; }, fmt::format("from {} to {}", least, most));
}
Option Option::range(double least, double most) {
  return check<double>([=](double v) { return v >= least && v <= most; }, fmt::format("from {} to {}", least, most));
}
Option Option::above_zero() {
  return check<double>([](double v) { return v > 0 && std::isfinite(v); }, "above 0");
}
Option Option::many() {
  of(option_)->allow_extra_args();
  return *this;
}
Option Option::filled() {
  of(option_)->check([](const std::string& text) { return text.empty() ? "expected a text, found none" : ""; }, "");
  return *this;
}
Option Option::needs(Option other) const {
  of(option_)->needs(of(other.option_));
  return *this;
}
Option Option::excludes(Option other) const {
  of(option_)->excludes(of(other.option_));
  return *this;
}
size_t Option::count() const { return of(option_)->count(); }

CommandLine::CommandLine(const std::string& description) : impl_(std::make_unique<Impl>()) {
  impl_->own = std::make_unique<CLI::App>(description);
  impl_->app = impl_->own.get();
}
CommandLine::CommandLine(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CommandLine::~CommandLine() = default;

Option CommandLine::add_option(const std::string& names, std::string& value, const std::string& help) {
  return Option(impl_->add(names, value, help));
}
Option CommandLine::add_option(const std::string& names, int& value, const std::string& help) {
  return Option(impl_->add(names, value, help));
}
Option CommandLine::add_option(const std::string& names, int64_t& value, const std::string& help) {
  return Option(impl_->add(names, value, help));
}
Option CommandLine::add_option(const std::string& names, uint64_t& value, const std::string& help) {
  return Option(impl_->add(names, value, help));
}
Option CommandLine::add_option(const std::string& names, float& value, const std::string& help) {
  return Option(impl_->add(names, value, help));
}
Option CommandLine::add_option(const std::string& names, double& value, const std::string& help) {
  return Option(impl_->add(names, value, help));
}
Option CommandLine::add_option(const std::string& names, std::vector<std::string>& values, const std::string& help) {
  CLI::Option* option = impl_->app->add_option(names, values, help);
  if (!option->get_positional()) option->allow_extra_args(false);
  return Option(option);
}

Option CommandLine::add_function(const std::string& names, std::function<void(const std::string&)> use,
                                 const std::string& help) {
  const auto call = [use = std::move(use)](const std::string& text) {
    try {
      use(text);
    } catch (const BadValue& bad) {
      throw CLI::ValidationError(bad.option, bad.expected);
    }
  };
  return Option(impl_->app->add_option_function<std::string>(names, call, help));
}
Option CommandLine::add_function(const std::string& names, std::function<void(int)> use, const std::string& help) {
  return Option(impl_->app->add_option_function<int>(names, std::move(use), help));
}
Option CommandLine::add_flag(const std::string& names, bool& value, const std::string& help) {
  return Option(impl_->app->add_flag(names, value, help));
}

Option CommandLine::option(const std::string& name) const { return Option(impl_->app->get_option(name)); }

bool CommandLine::given(const std::string& name) const {
  const CLI::Option* option = impl_->app->get_option_no_throw(name);
  return option != nullptr && option->count() > 0;
}

CommandLine& CommandLine::add_command(const std::string& name, const std::string& help) {
  impl_->app->require_subcommand(0, 1);
  auto impl = std::make_unique<Impl>();
  impl->app = impl_->app->add_subcommand(name, help);
  impl_->commands.push_back(std::unique_ptr<CommandLine>(new CommandLine(std::move(impl))));
  return *impl_->commands.back();
}

bool CommandLine::chosen() const { return impl_->app->parsed(); }

std::optional<int> CommandLine::parse(int argc, char** argv) {
  impl_->app->name(argv[0]);
  try {
    impl_->app->parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return impl_->app->exit(e) == 0 ? 0 : 2;
  }
  return std::nullopt;
}

}  // namespace hadal
