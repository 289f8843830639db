// The kinds of sources; source.cc chooses.
#pragma once

#include "research/sources/source.h"

namespace hadal::research {

// `name`: as the user gave it; `rest`: what follows the colon.
std::unique_ptr<Source> searx_source(const std::string& name, const std::string& rest, SourceContext context);
std::unique_ptr<Source> brave_source(const std::string& name, SourceContext context);
std::unique_ptr<Source> mediawiki_source(const std::string& name, const std::string& rest, SourceContext context);
std::unique_ptr<Source> index_source(const std::string& name, const std::string& rest, SourceContext context);
std::unique_ptr<Source> folder_source(const std::string& rest, SourceContext context);

Path user_path(const std::string& text);  // "~/notes" is in the user's home folder

}  // namespace hadal::research
