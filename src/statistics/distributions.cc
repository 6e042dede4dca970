#include "statistics/distributions.h"

#include <cmath>

namespace paceline {
namespace {

/// One step of Lentz's method: f and its helpers c, d absorb the next coefficient.
void lentz_step(double coefficient, double& c, double& d, double& f) {
  constexpr double kTiny = 1e-300;
  d = 1 + coefficient * d;
  if (std::fabs(d) < kTiny) d = kTiny;
  c = 1 + coefficient / c;
  if (std::fabs(c) < kTiny) c = kTiny;
  d = 1 / d;
  f *= c * d;
}

double student_t_probability(double t, double degrees) {
  const double tail = 0.5 * incomplete_beta(degrees / 2, 0.5, degrees / (degrees + t * t));
  return t > 0 ? 1 - tail : tail;
}

}  // namespace

/// By its continued fraction (Abramowitz and Stegun 26.5.8), which converges quickly for x below (a + 1) / (a + b + 2);
/// the symmetry covers the rest. It takes some sqrt(max(a, b)) steps.
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incomplete_beta(b, a, 1 - x);
  const double log_front = std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) + a * std::log(x) + b * std::log1p(-x);
  const int steps = 400 + static_cast<int>(10 * std::sqrt(a > b ? a : b));
  double c = 1;
  double d = 0;
  double f = 1;
  for (int m = 0; m < steps; ++m) {
    const double before = f;
    if (m > 0) lentz_step(m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), c, d, f);
    lentz_step(-(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), c, d, f);
    if (m > 0 && std::fabs(f - before) < 1e-15 * std::fabs(f)) break;
  }
  return std::exp(log_front) / a / f;
}

double student_t_quantile(double probability, double degrees) {
  if (probability < 0.5) return -student_t_quantile(1 - probability, degrees);
  double high = 1;
  while (student_t_probability(high, degrees) < probability) high *= 2;
  double low = 0;
  for (int i = 0; i < 200 && high - low > 1e-12 * high; ++i) {
    const double middle = (low + high) / 2;
    (student_t_probability(middle, degrees) < probability ? low : high) = middle;
  }
  return (low + high) / 2;
}

double fair_binomial_probability(int64_t hits, int64_t trials) {
  if (hits >= trials) return 1;
  return incomplete_beta(static_cast<double>(trials - hits), static_cast<double>(hits + 1), 0.5);
}

}  // namespace paceline
