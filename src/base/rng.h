// Random numbers by xoshiro256** (Blackman & Vigna 2018), seeded through splitmix64. The same seed gives the same
// numbers on every machine. The state is plain data, so that a checkpoint can store it.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>

namespace hadal {

class Rng {
 public:
  explicit Rng(uint64_t seed = 0) {
    for (auto& word : state_) word = splitmix(seed);
  }
  // An independent stream for (seed, stream).
  Rng(uint64_t seed, uint64_t stream) : Rng(seed ^ (stream * 0x9E3779B97F4A7C15ull + 0xD1B54A32D192ED03ull)) {}

  uint64_t next() {
    const uint64_t result = rotl(state_[1] * 5, 7) * 9, t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotl(state_[3], 45);
    return result;
  }
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)
  // Unbiased enough for n far below 2^64: the high half of a 128-bit product. [0, n)
  uint64_t below(uint64_t n) { return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * n) >> 64); }
  float normal() {  // mean 0, standard deviation 1 (Box-Muller; one value a call, so that there is no further state)
    const double u = 1.0 - uniform(), v = uniform();
    return static_cast<float>(std::sqrt(-2.0 * std::log(u)) * std::cos(6.283185307179586 * v));
  }
  std::array<uint64_t, 4>& state() { return state_; }

 private:
  static uint64_t rotl(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  static uint64_t splitmix(uint64_t& x) {
    uint64_t z = (x += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  std::array<uint64_t, 4> state_;
};

}  // namespace hadal
