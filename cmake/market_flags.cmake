# The loops of factors, once for each level of the processor. Products and sums are never contracted: all levels give
# the same bits.
set(exact -O3 -ffp-contract=off -fno-trapping-math)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
  set(market_avx2 -mavx2)
  set(market_avx512 -mavx2 -mavx512f -mavx512dq -mavx512vl -mavx512bw -mprefer-vector-width=512)
endif()
set_source_files_properties(factors/level_generic.cc factors/power.cc factors/cross_section.cc
                            PROPERTIES COMPILE_OPTIONS "${exact}")
set_source_files_properties(factors/level_avx2.cc PROPERTIES COMPILE_OPTIONS "${exact};${market_avx2}")
set_source_files_properties(factors/level_avx512.cc PROPERTIES COMPILE_OPTIONS "${exact};${market_avx512}")
# They, and what embeds files, are compiled each by itself.
set(with_flags factors/level_generic.cc factors/level_avx2.cc factors/level_avx512.cc factors/power.cc
  factors/cross_section.cc backtest/profile.cc report/page.cc)
