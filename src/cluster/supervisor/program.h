// The program of an order, started: in a session of its own, with the order's environment, its output in a pipe; it
// dies with this process.
#pragma once

#include <sys/types.h>

#include <string>

#include "cluster/supervisor.h"

namespace hadal::cluster {

struct Program {
  pid_t id = -1;        // -1: it could not be started
  int output = -1;      // to be read without waiting
  std::string mistake;  // in words
  int code = 0;         // 126 or 127 then
};
// `entrance`: of a memory group that it shall be in (memory_group.h); -1: of none.
Program start_program(const Order& order, int entrance);

}  // namespace hadal::cluster
