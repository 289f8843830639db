// The cluster as its verbs reach it: a daemon's Unix socket on this machine, or HTTP with a token elsewhere.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/files.h"
#include "base/json_fwd.h"
#include "cli/command_line.h"

namespace hadal {

// Where a cluster is: a folder of this machine, or a URL.
struct ClusterPlace {
  Path folder;      // empty: it is a URL
  std::string url;  // "https://host:8090", without a slash at its end
};

// --cluster, or where nothing is given HADAL_CLUSTER, or /var/lib/hadal/cluster where it is, or
// ~/.local/share/hadal/cluster. Error for a URL that is none.
ClusterPlace find_cluster(const std::string& given);

// --cluster and --json, as all verbs of a cluster have them.
struct ClusterFlags {
  std::string cluster;
  bool json = false;
  void add_to(CommandLine& app);
};

class ClusterClient {
 public:
  explicit ClusterClient(ClusterPlace place);
  explicit ClusterClient(const ClusterFlags& flags) : ClusterClient(find_cluster(flags.cluster)) {}
  ~ClusterClient();
  ClusterClient(const ClusterClient&) = delete;
  ClusterClient& operator=(const ClusterClient&) = delete;

  // `path` below /api/cluster/, its parts encoded. Error with the daemon's words where it refuses, and with how a
  // daemon is started where none answers.
  using Query = std::map<std::string, std::string>;
  OrderedJson get(const std::string& path, const Query& query = {});
  OrderedJson post(const std::string& path, const std::string& body);
  OrderedJson post(const std::string& path, const OrderedJson& body);
  OrderedJson remove(const std::string& path);

  bool answers();  // whether a daemon is there
  // Starts one in the cluster's folder where none answers, and says so on standard error; returns when it answers.
  void start_daemon_if_none();

  const ClusterPlace& place() const { return place_; }
  bool local() const { return !place_.folder.empty(); }

 private:
  OrderedJson ask(const std::string& method, const std::string& path, const std::string& body);
  ClusterPlace place_;
  struct Session;
  std::unique_ptr<Session> session_;
};

// The token for a cluster's URL: HADAL_CLUSTER_TOKEN, or the one that was stored; "" for none.
std::string cluster_token(const std::string& url);
void store_cluster_token(const std::string& url, const std::string& token);  // readable by its owner alone

}  // namespace hadal
