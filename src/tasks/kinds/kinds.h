// The tasks that there are: one file each, its class hidden in it. Those that all_tasks() lists, in its order.
#pragma once

#include "tasks/task.h"

namespace hadal::tasks {

// Each is made once and lives as long as the program.
const Task& countdown_task();
const Task& arithmetic_task();
const Task& knights_task();
const Task& math_task();

}  // namespace hadal::tasks
