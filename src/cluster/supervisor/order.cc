// Orders as files.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/error.h"
#include "base/json.h"
#include "cluster/supervisor.h"

namespace hadal::cluster {

void write_order(const Path& file, const Order& order, uint32_t uid, uint32_t gid) {
  OrderedJson environment = OrderedJson::array();
  for (const auto& [name, value] : order.environment) environment.push_back({name, value});
  const std::string text = dump_json(OrderedJson{{"name", order.name},
                                                 {"run", order.run},
                                                 {"attempt", order.attempt},
                                                 {"folder", order.folder.string()},
                                                 {"command", order.command},
                                                 {"environment", environment},
                                                 {"slots", order.slots},
                                                 {"cores", order.cores},
                                                 {"memory_bytes", order.memory_bytes},
                                                 {"grace_s", order.grace_s},
                                                 {"kill_after_s", order.kill_after_s},
                                                 {"time_limit_s", order.time_limit_s},
                                                 {"log_bytes", order.log_bytes}},
                                     1) +
                           "\n";
  // At no moment may others read it, also not while it is written: write_file_whole() does not know that.
  Path temporary = file;
  temporary += ".tmp";
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool own = uid == ::geteuid() && gid == ::getegid();
  bool written = fd >= 0 && (own || ::fchown(fd, uid, gid) == 0);
  for (size_t at = 0; written && at < text.size();) {
    const ssize_t count = ::write(fd, text.data() + at, text.size() - at);
    if (count >= 0)
      at += static_cast<size_t>(count);
    else
      written = errno == EINTR;
  }
  written = written && ::fsync(fd) == 0 && ::rename(temporary.c_str(), file.c_str()) == 0;
  const int reason = errno;
  if (fd >= 0) ::close(fd);
  if (written) return;
  ::unlink(temporary.c_str());
  fail("{}: cannot write: {}", file.string(), std::strerror(reason));
}

Order read_order(const Path& file) {
  const Json json = parse_json(read_file(file, 16 << 20), file.string());
  Order order;
  try {
    order.name = json.at("name").get<std::string>();
    order.run = json.at("run").get<int64_t>();
    order.attempt = json.at("attempt").get<int>();
    order.folder = json.at("folder").get<std::string>();
    order.command = json.at("command").get<std::vector<std::string>>();
    for (const Json& entry : json.at("environment"))
      order.environment.emplace_back(entry.at(0).get<std::string>(), entry.at(1).get<std::string>());
    order.slots = json.at("slots").get<int>();
    order.cores = json.at("cores").get<std::vector<int>>();
    order.memory_bytes = json.at("memory_bytes").get<int64_t>();
    order.grace_s = json.at("grace_s").get<double>();
    order.kill_after_s = json.at("kill_after_s").get<double>();
    order.time_limit_s = json.at("time_limit_s").get<double>();
    order.log_bytes = json.at("log_bytes").get<int64_t>();
  } catch (const nlohmann::json::exception& error) {
    fail("{}: expected an attempt's order, as the daemon writes it: {}", file.string(), plain_words(error));
  }
  if (order.attempt < 1 || order.command.empty() || order.command[0].empty() || !order.folder.is_absolute())
    fail("{}: expected attempt 1 or later, a command and an absolute folder", file.string());
  return order;
}

}  // namespace hadal::cluster
