// What servers that are asked over HTTP have in common: the question, what goes wrong, and answers as plain text.
#pragma once

#include <map>

#include "base/json_fwd.h"
#include "net/web_url.h"
#include "research/sources/source.h"

namespace hadal::research {

// The address of a server as the user named it. Error with `example` where it is none.
net::Url server_address(const std::string& name, const std::string& text, const std::string& example);

// A source that is such a server.
class SearchServer : public Source {
 public:
  SearchServer(std::string name, net::Url server, SourceContext context)
      : name_(std::move(name)), server_(std::move(server)), fetcher_(context.fetcher) {
    while (server_.path.ends_with('/')) server_.path.pop_back();
  }
  std::string name() const override { return name_; }
  bool is_private() const override { return false; }
  bool is_outside() const override { return true; }

 protected:
  std::string name_;
  net::Url server_;
  Fetcher& fetcher_;
};

struct SearchQuestion {
  std::string name, query;                 // of the source; what is asked
  std::string url, secret = {};            // as Fetcher::ask()
  std::map<int, std::string> advice = {};  // by status: what to do
};
// The JSON that the server answers with; else Error, one sentence.
Json ask_server(Fetcher& fetcher, const SearchQuestion& question, const std::function<bool()>& stopped);

// Keeps what has an address of http or https, each once, and the first `limit` of them.
class CandidateList {
 public:
  explicit CandidateList(int64_t limit) : limit_(limit) {}
  void add(const std::string& url, const std::string& title);
  std::vector<Candidate> take() { return std::move(list_); }

 private:
  int64_t limit_;
  std::vector<Candidate> list_;
};

std::string text_or_empty(const Json& object, const char* name);

}  // namespace hadal::research
