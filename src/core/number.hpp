// Numbers as Python rounds and prints them, which is what the contract's JSON and messages are made of.
#pragma once

#include <string>

namespace insights {

// Python's round(value, 2): the nearest decimal of the exact binary value, ties to even. Finite values only.
double round2(double value);

// Wide enough for products of counts, of which none is beyond 2^53, and for a hundred of them.
__extension__ typedef __int128 Wide;

// part / whole with so many decimals, rounded half away from zero on the exact value; 0 where whole is 0. `whole` must
// not be negative.
double rounded_ratio(Wide part, Wide whole, int decimals);

// Python's repr(float): the shortest text that reads back as the same double, always with a point or an exponent
// ("12.0", "57.5", "1e+16").
std::string python_repr(double value);

// A number with up to 2 decimals, without a point where it is whole: "5", "12.5".
std::string short_number(double value);

}  // namespace insights
