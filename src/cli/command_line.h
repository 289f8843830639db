// The command line of a verb: its options, declared once with their help, and parsed. Stands on CLI11, which
// command_line.cc alone includes.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace hadal {

// An option of a CommandLine, which owns it; copies mean the same one.
class Option {
 public:
  Option required();
  Option show_default();  // the help shows the value that the variable has now
  Option one_of(std::vector<std::string> values);
  template <std::integral T>
  Option range(T least, T most) {
    return whole_range(int64_t{least}, int64_t{most});
  }
  Option range(double least, double most);
  Option above_zero();
  Option many();    // of a list: it takes all that follow, up to the next option
  Option filled();  // not an empty text, as an unset variable of a shell gives
  Option needs(Option other) const;
  Option excludes(Option other) const;
  size_t count() const;  // how often it was given

 private:
  friend class CommandLine;
  explicit Option(void* option) : option_(option) {}
  Option whole_range(int64_t least, int64_t most);
  template <typename T, typename Valid>
  Option check(Valid valid, const std::string& expected);
  void* option_;
};

// Thrown by the function of an option for a value that it does not take: a usage error.
struct BadValue {
  std::string option, expected;
};

class CommandLine {
 public:
  explicit CommandLine(const std::string& description);
  ~CommandLine();
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  // `names`: "-f,--file", or "FILE" for one that is given by its place. Where it is not given, the variable keeps its
  // value. A list takes one value each time that it is given, by its place all that follow.
  Option add_option(const std::string& names, std::string& value, const std::string& help);
  Option add_option(const std::string& names, int& value, const std::string& help);
  Option add_option(const std::string& names, int64_t& value, const std::string& help);
  Option add_option(const std::string& names, uint64_t& value, const std::string& help);
  Option add_option(const std::string& names, float& value, const std::string& help);
  Option add_option(const std::string& names, double& value, const std::string& help);
  Option add_option(const std::string& names, std::vector<std::string>& values, const std::string& help);
  // Calls the function with the text, which may throw BadValue.
  Option add_function(const std::string& names, std::function<void(const std::string&)> use, const std::string& help);
  Option add_function(const std::string& names, std::function<void(int)> use, const std::string& help);
  Option add_flag(const std::string& names, bool& value, const std::string& help);

  Option option(const std::string& name) const;                                // a declared one
  bool given(const std::string& name) const;                                   // false where it is not declared either
  CommandLine& add_command(const std::string& name, const std::string& help);  // "models remove": at most one is given
  bool chosen() const;                                                         // of a command: that it was given

  // Returns the exit code when the command ends here: 0 after --help, 2 after a mistake (its text is on standard
  // error). `argv[0]` is the name shown in the help.
  std::optional<int> parse(int argc, char** argv);

 private:
  struct Impl;
  explicit CommandLine(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hadal
