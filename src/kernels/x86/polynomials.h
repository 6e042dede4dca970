#pragma once

// Made by tools/make_polynomials.py; change that, not this.

namespace paceline {

/// |x| from which max(x, 0) - gelu(x) is taken as constant: it is 1e-07 there and falls.
inline constexpr float kGeluEnd = 5.5F;

/// max(x, 0) - gelu(x) in powers of u = 2 min(|x|, kGeluEnd) / kGeluEnd - 1, lowest first.
/// Its own error: 5.3e-08 absolute.
inline constexpr float kGeluGap[18] = {0.00819436881F, -0.0605757558F, 0.191263531F,  -0.3087875F,   0.178944366F,
                                       0.26190857F,    -0.628298196F,  0.450340634F,  0.151289868F,  -0.514117459F,
                                       0.272407607F,   0.173531159F,   -0.257131412F, 0.0258951782F, 0.0990601735F,
                                       -0.0367036291F, -0.0157302773F, 0.00850888416F};

/// 2^f for f in [-0.5, 0.5], in powers of f, lowest first.
/// Its own error: 2.5e-09 relative.
inline constexpr float kExp2[7] = {1.0F,           0.693147207F,   0.240226509F,   0.0555032723F,
                                   0.00961805668F, 0.00134004282F, 0.000154614447F};

}  // namespace paceline
