// Accounts of this machine, by getpwnam.
#include <pwd.h>
#include <unistd.h>

#include <vector>

#include "cluster/daemon/impl.h"

namespace hadal::cluster {
namespace {

template <typename Ask>
std::optional<struct passwd> ask_passwd(std::vector<char>& buffer, const Ask& ask) {
  buffer.resize(1 << 14);
  for (;;) {
    struct passwd entry = {}, *found = nullptr;
    const int error = ask(&entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < (1 << 22)) {
      buffer.resize(buffer.size() * 2);
      continue;
    }
    if (error != 0 || found == nullptr) return std::nullopt;
    return entry;
  }
}

std::optional<struct passwd> entry_named(const std::string& user, std::vector<char>& buffer) {
  return ask_passwd(buffer, [&](struct passwd* entry, char* data, size_t size, struct passwd** found) {
    return ::getpwnam_r(user.c_str(), entry, data, size, found);
  });
}

}  // namespace

// A user without a name in the machine's list is "uid1000".
std::optional<Account> account_named(const std::string& user) {
  std::vector<char> buffer;
  if (const auto entry = entry_named(user, buffer)) return Account{user, entry->pw_uid, entry->pw_gid};
  if (user == user_of(::geteuid())) return Account{user, ::geteuid(), ::getegid()};
  return std::nullopt;
}

std::string user_of(uid_t uid) {
  std::vector<char> buffer;
  const auto entry =
      ask_passwd(buffer, [&](struct passwd* found_entry, char* data, size_t size, struct passwd** found) {
        return ::getpwuid_r(uid, found_entry, data, size, found);
      });
  return entry ? entry->pw_name : fmt::format("uid{}", uid);
}

AccountDetails details_of(const std::string& user) {
  std::vector<char> buffer;
  const auto entry = entry_named(user, buffer);
  if (!entry) return {"/", "/bin/sh"};
  return {entry->pw_dir, entry->pw_shell};
}

}  // namespace hadal::cluster
