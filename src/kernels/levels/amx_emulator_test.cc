// Tile semantics: Intel Architecture Instruction Set Extensions reference, chapter 3 (pseudo-code of each instruction).
#include "kernels/levels/amx_emulator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "kernels/levels/cpu_features.h"

#if defined(__x86_64__) && defined(__linux__)
#include <signal.h>
#include <ucontext.h>

namespace hadal {
namespace {

struct Tiles {
  uint8_t config[64];
  uint8_t data[8][16][64];
  int rows(int t) const { return config[48 + t]; }
  int row_bytes(int t) const { return config[16 + 2 * t] | config[17 + 2 * t] << 8; }
};
thread_local Tiles tiles;
volatile bool emulated = false;
bool installed = false;

float flushed(float x) { return std::abs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }  // denormals count as zero

float widened(const uint8_t* bf16) {
  uint16_t half;
  std::memcpy(&half, bf16, 2);
  return flushed(std::bit_cast<float>(static_cast<uint32_t>(half) << 16));
}

// Products of two bf16 are exact in f32, so multiply and add round as the fused operation does.
void multiply_tiles(int dest, int left, int right) {
  const int rows = tiles.rows(dest), cols = tiles.row_bytes(dest) / 4, pairs = tiles.row_bytes(left) / 4;
  float b[2][16][16];
  for (int k = 0; k < pairs; ++k)
    for (int n = 0; n < cols; ++n)
      for (int half = 0; half < 2; ++half) b[half][k][n] = widened(&tiles.data[right][k][4 * n + 2 * half]);
  for (int m = 0; m < rows; ++m) {
    float sums[2][16] = {};
    for (int k = 0; k < pairs; ++k)
      for (int half = 0; half < 2; ++half) {
        const float a = widened(&tiles.data[left][m][4 * k + 2 * half]);
        for (int n = 0; n < cols; ++n) sums[half][n] = flushed(sums[half][n] + a * b[half][k][n]);
      }
    float old[16];
    std::memcpy(old, tiles.data[dest][m], 64);
    for (int n = 0; n < cols; ++n) old[n] = flushed(flushed(old[n]) + flushed(sums[0][n] + sums[1][n]));
    std::memcpy(tiles.data[dest][m], old, 64);
    std::memset(tiles.data[dest][m] + 4 * cols, 0, static_cast<size_t>(64 - 4 * cols));
  }
  std::memset(tiles.data[dest][rows], 0, static_cast<size_t>(16 - rows) * 64);
}

// One instruction: VEX.128 in the three-byte form, map 0F38, W0.
struct Instruction {
  const uint8_t* code;
  greg_t* regs;
  int prefix = 0, opcode = 0, mod = 0, reg = 0, rm = 0, vvvv = 0;
  int length = 0;
  char* base = nullptr;  // of the memory operand
  int64_t index = 0;     // its scaled index: the stride of a tile's rows

  greg_t reg_value(int number) const {
    constexpr int kOrder[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
    return regs[kOrder[number]];
  }

  bool decode() {
    if (code[0] != 0xc4 || (code[1] & 0x1f) != 2 || (code[2] & 0x84) != 0) return false;
    const int extend_index = code[1] & 0x40 ? 0 : 8, extend_base = code[1] & 0x20 ? 0 : 8;
    prefix = code[2] & 3, vvvv = ~(code[2] >> 3) & 15, opcode = code[3];
    mod = code[4] >> 6, reg = code[4] >> 3 & 7, rm = code[4] & 7;
    length = 5;
    if (mod == 3) return true;
    int64_t address = 0;
    bool absolute = false, from_rip = false;
    if (rm == 4) {
      const int sib = code[length++], scale = sib >> 6, index_reg = (sib >> 3 & 7) + extend_index,
                base_reg = (sib & 7) + extend_base;
      if (index_reg != 4) index = static_cast<int64_t>(reg_value(index_reg)) << scale;
      absolute = (sib & 7) == 5 && mod == 0;
      if (!absolute) address = reg_value(base_reg);
    } else {
      from_rip = rm == 5 && mod == 0;
      if (!from_rip) address = reg_value(rm + extend_base);
    }
    if (mod == 1) {
      address += static_cast<int8_t>(code[length++]);
    } else if (mod == 2 || absolute || from_rip) {
      int32_t displacement;
      std::memcpy(&displacement, code + length, 4);
      address += displacement;
      length += 4;
    }
    if (from_rip) address += reinterpret_cast<int64_t>(code + length);
    base = reinterpret_cast<char*>(address);
    return true;
  }

  bool run() const {
    constexpr int kNone = 0, k66 = 1, kF3 = 2, kF2 = 3;
    if (opcode == 0x49 && mod != 3 && prefix == kNone) return load_config();
    if (opcode == 0x49 && mod != 3 && prefix == k66) return std::memcpy(base + index, tiles.config, 64) != nullptr;
    if (opcode == 0x49 && mod == 3 && prefix == kNone) return std::memset(&tiles, 0, sizeof tiles) != nullptr;
    if (tiles.config[0] != 1) return false;  // any other tile instruction faults without a configuration
    if (opcode == 0x49 && mod == 3 && prefix == kF2) return std::memset(tiles.data[reg], 0, 1024) != nullptr;
    if (opcode == 0x4b && mod != 3 && (prefix == kF2 || prefix == k66)) return load_tile();
    if (opcode == 0x4b && mod != 3 && prefix == kF3) return store_tile();
    if (opcode == 0x5c && mod == 3 && prefix == kF3) {
      if (tiles.rows(reg) != tiles.rows(rm) || tiles.row_bytes(rm) / 4 != tiles.rows(vvvv) ||
          tiles.row_bytes(reg) != tiles.row_bytes(vvvv) || tiles.rows(reg) == 0)
        return false;
      multiply_tiles(reg, rm, vvvv);
      return true;
    }
    return false;
  }

  bool load_config() const {
    std::memset(&tiles, 0, sizeof tiles);
    std::memcpy(tiles.config, base + index, 64);
    const uint8_t* c = tiles.config;
    bool right = c[0] == 1 && std::all_of(c + 1, c + 16, [](uint8_t x) { return x == 0; }) &&
                 std::all_of(c + 32, c + 48, [](uint8_t x) { return x == 0; }) &&
                 std::all_of(c + 56, c + 64, [](uint8_t x) { return x == 0; });
    for (int t = 0; t < 8; ++t)
      right =
          right && tiles.rows(t) <= 16 && tiles.row_bytes(t) <= 64 && (tiles.rows(t) == 0) == (tiles.row_bytes(t) == 0);
    return right;
  }
  bool load_tile() const {
    if (tiles.rows(reg) == 0) return false;
    std::memset(tiles.data[reg], 0, 1024);
    for (int r = 0; r < tiles.rows(reg); ++r)
      std::memcpy(tiles.data[reg][r], base + r * index, static_cast<size_t>(tiles.row_bytes(reg)));
    return true;
  }
  bool store_tile() const {
    if (tiles.rows(reg) == 0) return false;
    for (int r = 0; r < tiles.rows(reg); ++r)
      std::memcpy(base + r * index, tiles.data[reg][r], static_cast<size_t>(tiles.row_bytes(reg)));
    return true;
  }
};

void on_illegal_instruction(int, siginfo_t*, void* context) {
  greg_t* regs = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  Instruction instruction{.code = reinterpret_cast<const uint8_t*>(regs[REG_RIP]), .regs = regs};
  if (instruction.decode() && instruction.run()) {
    emulated = true;
    regs[REG_RIP] += instruction.length;
    return;
  }
  signal(SIGILL, SIG_DFL);  // not ours: the instruction runs again and ends the process
}

}  // namespace

bool amx_or_emulator() {
  const auto& features = kernels::cpu_features();
  if (features.amx) return true;
  if (!features.avx512) return false;
  struct sigaction action = {};
  action.sa_sigaction = on_illegal_instruction;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGILL, &action, nullptr);
  installed = true;
  kernels::pretend_amx_for_test();
  return true;
}

bool amx_is_emulated() { return installed; }

namespace {

TEST(Amx, TheFirstCheckPasses) {
  if (!amx_or_emulator()) GTEST_SKIP() << "neither AMX nor AVX-512 on this CPU";
  EXPECT_TRUE(kernels::amx_gives_right_products());
  EXPECT_EQ(emulated, amx_is_emulated());
}

}  // namespace
}  // namespace hadal

#else

namespace hadal {
bool amx_or_emulator() { return false; }
bool amx_is_emulated() { return false; }
}  // namespace hadal

#endif

namespace hadal {
std::vector<CpuLevel> cpu_levels_to_test() {
  amx_or_emulator();
  return cpu_levels_present();
}
}  // namespace hadal
