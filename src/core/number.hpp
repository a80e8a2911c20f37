// Numbers as Python rounds and prints them, which is what the contract's JSON and messages are made of.
#pragma once

#include <string>

namespace insights {

// Python's round(value, 2): the nearest decimal of the exact binary value, ties to even. Finite values only.
double round2(double value);

// Python's repr(float): the shortest text that reads back as the same double, always with a point or an exponent
// ("12.0", "57.5", "1e+16").
std::string python_repr(double value);

// A number with up to 2 decimals, without a point where it is whole: "5", "12.5".
std::string short_number(double value);

}  // namespace insights
