// The routes: what is asked, checked and answered, free of sockets.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "server/http/http.h"
#include "server/openai/backend.h"
#include "server/openai/openai_request.h"
#include "server/server.h"

namespace hadal {

class Api {
 public:
  // Both must outlive it.
  Api(const ServerOptions& options, ChatBackend& backend) : options_(options), backend_(backend) {}

  // True for requests that generate: handle() then blocks until the answer is complete.
  static bool is_slow(const HttpRequest& request);

  // Answers through `exchange`, whatever happens. Any thread.
  void handle(const HttpRequest& request, Exchange& exchange);

 private:
  HttpReply answer_quickly(const HttpRequest& request) const;
  void complete(const HttpRequest& request, bool chat, Exchange& exchange);
  void fill_prompt(CompletionCall& call, bool chat) const;
  void check_model(const std::string& name) const;
  HttpReply health() const;

  const ServerOptions& options_;
  ChatBackend& backend_;
  std::atomic<int> running_{0};
};

}  // namespace hadal
