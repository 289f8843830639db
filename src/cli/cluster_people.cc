// People of a cluster and their tokens: user, login.
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "base/command.h"
#include "base/error.h"
#include "base/json.h"
#include "cli/cluster.h"
#include "cli/cluster_client.h"
#include "cli/options.h"
#include "cli/verb.h"
#include "net/url.h"

namespace hadal {
namespace {

// A line of standard input, not shown where a person types it.
std::string read_secret(const std::string& prompt) {
  const bool terminal = ::isatty(STDIN_FILENO) != 0;
  termios before{};
  if (terminal && ::tcgetattr(STDIN_FILENO, &before) == 0) {
    fmt::print(stderr, "{}", prompt);
    termios quiet = before;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  }
  std::string line;
  std::getline(std::cin, line);
  if (terminal) {
    ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fmt::print(stderr, "\n");
  }
  while (!line.empty() && std::isspace(static_cast<unsigned char>(line.back()))) line.pop_back();
  return line;
}

}  // namespace

int cluster_user(int argc, char** argv) {
  CommandLine app("People of the cluster. For leads.");
  ClusterFlags flags;
  std::string name, unix_user, gone;
  bool lead = false;
  CommandLine& adding = app.add_command("add", "a person; their token is shown this once");
  adding.add_option("NAME", name, "letters, digits, . _ -").required().filled();
  adding
      .add_option("--unix", unix_user, "the user of this machine that their runs run as; without, they may only track")
      .filled();
  adding.add_flag("--lead", lead, "may act on everybody's runs, grant and promote");
  CommandLine& removing = app.add_command("remove", "a person: their tokens open nothing any more; what runs goes on");
  removing.add_option("NAME", gone, "who").required().filled();
  for (CommandLine* command : {&adding, &removing}) flags.add_to(*command);
  if (const auto code = app.parse(argc, argv)) return *code;
  if (!adding.chosen() && !removing.chosen())
    throw UsageError("expected add or remove (" + command({"cluster", "user", "--help"}) + ")");
  ClusterClient client(flags);
  if (removing.chosen()) {
    const OrderedJson answer = client.remove("users/" + net::url_escape(gone, false));
    if (flags.json)
      print_json(answer);
    else
      print_text(gone + " is removed\n");
    return 0;
  }
  const OrderedJson answer = client.post("users", OrderedJson{{"name", name}, {"unix", unix_user}, {"lead", lead}});
  if (flags.json) {
    print_json(answer);
  } else {
    print_text(fmt::format("{}\n", answer.at("token").get<std::string>()));
    fmt::print(stderr, "the token of {}, shown this once; they store it with \"{}\"\n", name,
               command({"cluster", "login", "--cluster", "URL"}));
  }
  return 0;
}

int cluster_login(int argc, char** argv) {
  CommandLine app(
      "Stores the token for a cluster elsewhere, readable by you alone, once that cluster has taken it. It is read "
      "from "
      "standard input, or HADAL_CLUSTER_TOKEN; a command line shows to everybody.");
  ClusterFlags flags;
  flags.add_to(app);
  if (const auto code = app.parse(argc, argv)) return *code;
  const ClusterPlace place = find_cluster(flags.cluster);
  if (!place.folder.empty()) {
    throw UsageError(
        fmt::format("{} is on this machine, where nobody needs a token; expected --cluster https://host:port",
                    place.folder.string()));
  }
  std::string token;
  if (const char* given = std::getenv("HADAL_CLUSTER_TOKEN"); given != nullptr && *given != '\0')
    token = given;
  else
    token = read_secret(fmt::format("the token for {}: ", place.url));
  if (token.empty())
    fail("{}: expected a token on standard input or in HADAL_CLUSTER_TOKEN, found none; a lead makes one with \"{}\"",
         place.url, command({"cluster", "user", "add", "NAME"}));
  ::setenv("HADAL_CLUSTER_TOKEN", token.c_str(), 1);  // what the client takes
  const OrderedJson me = ClusterClient(place).get("whoami");
  store_cluster_token(place.url, token);
  if (flags.json)
    print_json(OrderedJson{{"cluster", place.url}, {"name", me.at("name")}, {"lead", me.at("lead")}});
  else
    print_text(fmt::format("{} knows you as {}{}\n", place.url, me.at("name").get<std::string>(),
                           me.value("lead", false) ? ", a lead" : ""));
  return 0;
}

}  // namespace hadal
