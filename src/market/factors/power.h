// x to the power of y, by the same operations on every machine (a C library's may differ in the last bit).
#pragma once

namespace hadal::market::factors {

// Whole y up to 64 by multiplication, y = .5 by the root, else exp(y log x) with a relative error of about 1e-16 times
// the exponent. NaN where it has no real value; infinite where it is too large.
double power(double x, double y);

}  // namespace hadal::market::factors
