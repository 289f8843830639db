// An exchange that keeps what a handler answers, and a request played through a table of routes without sockets. Tests
// only.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "server/http/route_table.h"

namespace hadal {

struct Recorder : Exchange {
  std::string read_body() override { return std::exchange(upload, ""); }
  void reply(HttpReply r) override { whole = std::move(r), ++replies; }
  void open_events() override { opened = true; }
  bool send_event(Event event) override {
    events.push_back(std::move(event.data));
    return events.size() < gone_after;
  }
  void open_stream(std::string type, HttpHeaders) override { stream_type = std::move(type); }
  bool send_bytes(std::string_view bytes) override {
    streamed += bytes;
    return true;
  }
  bool client_gone() const override { return events.size() >= gone_after; }
  Json json() const { return parse_json(whole.body, "the reply"); }

  std::string upload;  // what read_body() gives, in one piece
  HttpReply whole;
  int replies = 0;
  bool opened = false;
  std::vector<std::string> events;
  std::string stream_type, streamed;
  size_t gone_after = SIZE_MAX;
};

inline void play(const RouteTable& table, HttpRequest request, Exchange& exchange) {
  RouteTable::Match match = table.match(request);
  request.parameters = std::move(match.parameters);
  table.answer(match, request, exchange);
}

}  // namespace hadal
