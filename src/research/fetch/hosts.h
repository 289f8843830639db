// Politeness: one request at a time to a host, some time apart, and none while it asks to be left alone.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace hadal::research {

inline constexpr std::chrono::milliseconds kLook{50};  // how often what waits asks whether to stop

class Hosts {
  struct Host;

 public:
  // The right to send one request; the host's next one waits until the interval after it is given back.
  class Turn {
   public:
    Turn() = default;
    explicit Turn(std::shared_ptr<Host> host) : host_(std::move(host)) {}
    Turn(Turn&&) noexcept = default;
    ~Turn();
    explicit operator bool() const { return host_ != nullptr; }

   private:
    std::shared_ptr<Host> host_;
  };

  explicit Hosts(double interval_s) : interval_s_(interval_s) {}
  Turn turn(const std::string& name, const std::function<bool()>& stopped);  // waits; none once `stopped` says so
  void set_interval(const std::string& name, double seconds);                // at least that
  void leave_alone(const std::string& name, double seconds);
  double left_alone_for(const std::string& name);  // seconds

 private:
  std::shared_ptr<Host> find(const std::string& name);

  double interval_s_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Host>> hosts_;
};

}  // namespace hadal::research
