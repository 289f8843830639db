#include "net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <iterator>

#include "base/error.h"
#include "base/text.h"

namespace hadal::net {
namespace {

constexpr size_t kMaxUrlBytes = 8192, kMaxHostBytes = 253, kMaxLabelBytes = 63;

struct Range4 {
  uint32_t first;
  int bits;
  const char* why;
};

// IANA's IPv4 special-purpose registry, without what it calls globally reachable (AS112, AMT), and multicast. Of
// 192.0.0.0/24 no part is a web server's.
constexpr Range4 kRanges4[] = {
    {0x00000000, 8, "this network"},
    {0x0a000000, 8, "private"},
    {0x64400000, 10, "carrier NAT"},
    {0x7f000000, 8, "loopback"},
    {0xa9fe0000, 16, "link local"},
    {0xac100000, 12, "private"},
    {0xc0000000, 24, "protocol assignments"},
    {0xc0000200, 24, "documentation"},
    {0xc0586300, 24, "6to4 relay"},
    {0xc0a80000, 16, "private"},
    {0xc6120000, 15, "benchmarking"},
    {0xc6336400, 24, "documentation"},
    {0xcb007100, 24, "documentation"},
    {0xe0000000, 4, "multicast"},
    {0xf0000000, 4, "reserved"},
};

using Groups = std::array<uint16_t, 8>;

struct Range6 {
  Groups first;
  int bits;
  const char* why;
};

// The first that fits counts. Outside 2000::/3 nothing is global unicast. 2001::/23 holds identifiers that are routed
// nowhere (ORCHID) and anycast services beside Teredo, which hides an address of the sender's choice.
constexpr Range6 kRanges6[] = {
    {{0x0064, 0xff9b, 1}, 48, "local-use NAT64"},
    {{0x0100}, 64, "discard"},
    {{0x0100, 0, 0, 1}, 64, "dummy prefix"},
    {{0x2001}, 32, "Teredo"},
    {{0x2001, 2}, 48, "benchmarking"},
    {{0x2001, 0x10}, 28, "ORCHID"},
    {{0x2001, 0x20}, 28, "ORCHIDv2"},
    {{0x2001}, 23, "protocol assignments"},
    {{0x2001, 0x0db8}, 32, "documentation"},
    {{0x3fff}, 20, "documentation"},
    {{0x5f00}, 16, "segment routing"},
    {{0xfc00}, 7, "unique local"},
    {{0xfe80}, 10, "link local"},
    {{0xfec0}, 10, "site local"},
    {{0xff00}, 8, "multicast"},
};

// Where an IPv4 address stands inside an IPv6 one: RFC 4291 (mapped, compatible), 2765, 6052, 3056.
struct Embedding {
  Groups prefix;
  int bits;
  size_t at;  // the first of its two groups
};
constexpr Embedding kEmbeddings[] = {
    {{0, 0, 0, 0, 0, 0xffff}, 96, 6},
    {{0, 0, 0, 0, 0xffff, 0}, 96, 6},
    {{0x0064, 0xff9b}, 96, 6},
    {{0x2002}, 16, 1},
    {{}, 96, 6},
};

Groups groups_of(const Address& address) {
  Groups groups = {};
  for (size_t i = 0; i < groups.size(); ++i)
    groups[i] = static_cast<uint16_t>(address.bytes[2 * i] << 8 | address.bytes[2 * i + 1]);
  return groups;
}

bool has_prefix(const Groups& groups, const Groups& prefix, int bits) {
  for (size_t i = 0; bits > 0; ++i, bits -= 16) {
    const unsigned mask = bits >= 16 ? 0xffffu : 0xffffu << (16 - bits) & 0xffffu;
    if (((groups[i] ^ prefix[i]) & mask) != 0) return false;
  }
  return true;
}

std::string refusal4(uint32_t address) {
  for (const Range4& range : kRanges4)
    if ((address ^ range.first) >> (32 - range.bits) == 0) return range.why;
  return "";
}

std::string refusal6(const Groups& groups) {
  if (has_prefix(groups, {}, 112) && groups[7] <= 1) return groups[7] == 0 ? "unspecified" : "loopback";
  for (const Embedding& embedding : kEmbeddings)
    if (has_prefix(groups, embedding.prefix, embedding.bits))
      return refusal4(uint32_t{groups[embedding.at]} << 16 | groups[embedding.at + 1]);
  for (const Range6& range : kRanges6)
    if (has_prefix(groups, range.first, range.bits)) return range.why;
  return has_prefix(groups, {0x2000}, 3) ? "" : "no global unicast address";
}

// Domains that are not the public DNS's: RFC 6761, 6762, 7686, 8375, 9476, ICANN's .internal and what it holds back,
// and what local networks call themselves. arpa has no pages.
constexpr std::string_view kSpecialDomains[] = {"alt",      "arpa",    "corp",      "example", "home", "internal",
                                                "intranet", "invalid", "lan",       "local",   "mail", "localdomain",
                                                "onion",    "private", "localhost", "test"};

std::string name_refusal(std::string_view host) {
  if (host.ends_with('.')) host.remove_suffix(1);
  if (host.size() > kMaxHostBytes) return "a name of more than 253 bytes";
  for (const std::string& label : split(host, '.'))
    if (label.empty() || label.size() > kMaxLabelBytes) return "a name with a part of no or more than 63 bytes";
  const size_t dot = host.rfind('.');
  if (dot == std::string_view::npos) return "a name without a dot, which is one of a local network";
  if (std::find(std::begin(kSpecialDomains), std::end(kSpecialDomains), host.substr(dot + 1)) !=
      std::end(kSpecialDomains))
    return fmt::format("a name under .{}, which is none of the public internet", host.substr(dot + 1));
  return "";
}

// "Bad ports" of the Fetch Standard.
constexpr uint16_t kBadPorts[] = {0,    1,    7,    9,    11,   13,   15,   17,   19,   20,   21,   22,   23,   25,
                                  37,   42,   43,   53,   69,   77,   79,   87,   95,   101,  102,  103,  104,  109,
                                  110,  111,  113,  115,  117,  119,  123,  135,  137,  139,  143,  161,  179,  389,
                                  427,  465,  512,  513,  514,  515,  526,  530,  531,  532,  540,  548,  554,  556,
                                  563,  587,  601,  636,  989,  990,  993,  995,  1719, 1720, 1723, 2049, 3659, 4045,
                                  4190, 5060, 5061, 6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080};

// Servers that answer HTTP, or take its lines for commands, and are never meant for strangers.
constexpr uint16_t kServicePorts[] = {
    445,   3389,  5900,  5985,  5986,                        // SMB, remote desktops, WinRM
    1433,  1434,  1521,  1522,  1526,  2483,  2484,          // SQL Server, Oracle
    3050,  3306,  33060, 5432,  5433,  6432,  50000,         // Firebird, MySQL, PostgreSQL, PgBouncer, Db2
    6379,  6380,  16379, 26379, 11211,                       // Redis, memcached
    27017, 27018, 27019, 28017,                              // MongoDB
    9200,  9300,  8983,  7700,                               // Elasticsearch, Solr, Meilisearch
    5984,  6984,  4369,  8091,  8092,  8093,  11207, 11210,  // CouchDB, Erlang, Couchbase
    7000,  7001,  7199,  9042,  9142,  9160,                 // Cassandra
    8086,  8088,  8123,  8529,  7473,  7474,  7687,          // InfluxDB, ClickHouse, ArangoDB, Neo4j
    8087,  8098,  28015, 26257, 6333,  19530,                // Riak, RethinkDB, CockroachDB, Qdrant, Milvus
    2181,  2379,  2380,  8300,  8301,  8500,  8501,  8200,   // ZooKeeper, etcd, Consul, Vault
    2375,  2376,  2377,  6443,  10250, 10255,                // Docker, Kubernetes
    5671,  5672,  15672, 9092,  4222,  1883,  8883,          // RabbitMQ, Kafka, NATS, MQTT
    873,   3260,                                             // rsync, iSCSI
};

std::string port_refusal(int port) {
  const auto among = [&](const auto& ports) {
    return std::find(std::begin(ports), std::end(ports), port) != std::end(ports);
  };
  return among(kBadPorts) || among(kServicePorts) ? fmt::format("port {}, which is no web server's", port) : "";
}

std::string host_refusal(const std::string& host) {
  if (const auto address = parse_address(host)) return address_refusal(*address);
  return name_refusal(host);
}

std::string form_refusal(const Url& url) {
  if (url.href().size() > kMaxUrlBytes) return fmt::format("an address of more than {} bytes", kMaxUrlBytes);
  if (!url.username.empty() || !url.password.empty()) return "an address with a user's name or password";
  return "";
}

std::string place_refusal(const Url& url) {
  auto why = port_refusal(url.effective_port());
  return why.empty() ? host_refusal(url.host) : why;
}

}  // namespace

std::optional<Address> parse_address(std::string_view text) {
  const bool in_brackets = text.size() > 2 && text.front() == '[' && text.back() == ']';
  const std::string plain(in_brackets ? text.substr(1, text.size() - 2) : text);
  Address address;
  if (plain.size() > INET6_ADDRSTRLEN || plain.find('\0') != std::string::npos) return {};
  if (!in_brackets && ::inet_pton(AF_INET, plain.c_str(), address.bytes.data()) == 1) return address;
  address.v6 = true;
  if (::inet_pton(AF_INET6, plain.c_str(), address.bytes.data()) == 1) return address;
  return {};
}

std::string address_refusal(const Address& address) {
  const Groups groups = groups_of(address);
  return address.v6 ? refusal6(groups) : refusal4(uint32_t{groups[0]} << 16 | groups[1]);
}

std::string url_refusal(const Url& url) {
  auto why = form_refusal(url);
  return why.empty() ? place_refusal(url) : why;
}

AllowList::AllowList(const std::vector<std::string>& host_ports) {
  for (const std::string& entry : host_ports) {
    const size_t colon = entry.rfind(':');
    int port = -1;
    if (colon != std::string::npos) {
      const char* const end = entry.data() + entry.size();
      const auto [stop, error] = std::from_chars(entry.data() + colon + 1, end, port);
      if (error != std::errc() || stop != end) port = -1;
    }
    const auto url = parse_url("http://" + entry.substr(0, colon) + "/");
    const bool host_alone = url && url->href() == "http://" + url->host + "/";
    if (!host_alone || port < 1 || port > 65535)
      fail("--allow {}: expected HOST:PORT, as in 127.0.0.1:8888 or [::1]:8888", brief(entry));
    host_ports_.push_back(fmt::format("{}:{}", url->host, port));
  }
}

bool AllowList::contains(std::string_view host, int port) const {
  return std::find(host_ports_.begin(), host_ports_.end(), fmt::format("{}:{}", host, port)) != host_ports_.end();
}

UrlGuard public_urls(AllowList allowed) {
  return [allowed = std::move(allowed)](const Url& url) -> std::string {
    auto why = form_refusal(url);
    if (why.empty() && !allowed.contains(url.host, url.effective_port())) why = place_refusal(url);
    return why;
  };
}

AddressGuard public_only(AllowList allowed) {
  return [allowed = std::move(allowed)](const Address& address, const std::string& host) -> std::string {
    if (allowed.contains(host, address.port)) return "";
    if (auto why = host_refusal(host); !why.empty()) return why;
    if (auto why = port_refusal(address.port); !why.empty()) return why;
    return address_refusal(address);
  };
}

}  // namespace hadal::net
