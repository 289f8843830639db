// The schema of the store, as the steps that lead to it. A step that was released is never changed; what is new is a
// step more.
#pragma once

#include "cluster/store/database.h"

namespace hadal::cluster {

// Brings the file to the newest schema in one transaction. Error where a newer program has made it.
void migrate(Database& database, const Path& file);

}  // namespace hadal::cluster
