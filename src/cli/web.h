// The commands of `hadal web`; the table stands in web.cc. Each gets its own arguments, argv[0] being "hadal web
// COMMAND", as verbs do (verb.h).
#pragma once

namespace hadal {

int web_check_command(int argc, char** argv);
int web_extract_command(int argc, char** argv);
int web_fetch_command(int argc, char** argv);
int web_robots_command(int argc, char** argv);
int web_url_command(int argc, char** argv);

}  // namespace hadal
