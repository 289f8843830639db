// The handlers of openai_routes(): what is asked, checked and answered, free of sockets.
#pragma once

#include <atomic>
#include <string>

#include "server/exchange.h"
#include "server/openai/openai_reply.h"
#include "server/openai/openai_request.h"
#include "server/openai_routes.h"

namespace hadal {

// Any thread may call any handler.
class Api {
 public:
  // `backend` must outlive it.
  Api(ChatBackend& backend, ApiOptions options) : backend_(backend), options_(std::move(options)) {}

  void health(const HttpRequest& request, Exchange& exchange) const;
  void list_models(const HttpRequest& request, Exchange& exchange) const;
  void show_model(const HttpRequest& request, Exchange& exchange) const;
  void complete(const HttpRequest& request, bool chat, Exchange& exchange);  // blocks until the answer is complete

 private:
  void fill_prompt(CompletionCall& call) const;
  void check_model(const std::string& name) const;
  ModelInfo model() const;

  ChatBackend& backend_;
  const ApiOptions options_;
  std::atomic<int> running_{0};
};

}  // namespace hadal
