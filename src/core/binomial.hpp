// Tail probabilities in logarithms, so that a million deliveries still have a p value.
#pragma once

namespace insights {

// ln of the regularized incomplete beta function I_x(a, b), which for integers is P(Binomial(a + b - 1, x) >= a).
// a > 0, b > 0, 0 <= x <= 1; -infinity at x = 0, 0 at x = 1 (and for arguments out of range, NaN too: they prove
// nothing). Modified Lentz continued fraction (Numerical Recipes 6.4; Lentz 1976, Thompson and Barnett 1986), by the
// symmetry I_x(a,b) = 1 - I_{1-x}(b,a) where x lies above the bulk; the binomial term before it by Stirling's formula,
// which keeps 10 digits at 1e12 events. Never throws; uses lgamma_r, so it is safe beside other callers of lgamma.
double log_incomplete_beta(double x, double a, double b);

// The same as a decimal logarithm, which is what verdicts report.
double log10_incomplete_beta(double x, double a, double b);

// Whether log_incomplete_beta(x, a, b) < log_limit: in a quarter of the time where Chernoff's bound settles it.
bool incomplete_beta_below(double x, double a, double b, double log_limit);

}  // namespace insights
