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

/// The same in 16 pieces: t = 15 min(|x|, kGeluTableEnd) / kGeluTableEnd belongs
/// to the piece of the nearest integer; powers of t less that, lowest first, each of all pieces.
/// Its own error: 2.8e-07 absolute, and 1.8e-07 beyond the end.
inline constexpr float kGeluTableEnd = 5.4F;
alignas(64) inline constexpr float kGeluTable[5][16] = {
    {-1.64244679e-09F, 0.129392484F, 0.169748998F, 0.151276777F, 0.107904527F, 0.0646745744F, 0.0332344831F,
     0.0147867091F, 0.00572652246F, 0.00193638113F, 0.000572790925F, 0.000148400531F, 3.37023074e-05F, 6.71287306e-06F,
     1.17314025e-06F, 1.79932754e-07F},
    {0.180000163F, 0.0809358541F, 0.00508217983F, -0.0361405458F, -0.04635681F, -0.0382257791F, -0.0245603184F,
     -0.0130112058F, -0.00582307988F, -0.00222950277F, -0.000735652028F, -0.000210166244F, -5.21475192e-05F,
     -1.12625327e-05F, -2.12062288e-06F, -3.48843134e-07F},
    {-0.051705417F, -0.0453184269F, -0.0295561622F, -0.012027415F, 0.000674430066F, 0.00634374083F, 0.00668592991F,
     0.00469948177F, 0.00257241601F, 0.00115414578F, 0.000434572943F, 0.000139118698F, 3.8167148e-05F, 9.02124119e-06F,
     1.8438184e-06F, 3.30565103e-07F},
    {1.26267141e-05F, 0.00401619323F, 0.00595710993F, 0.00527375625F, 0.00305295176F, 0.000855724558F, -0.00041755347F,
     -0.000760144699F, -0.000605239863F, -0.000344460732F, -0.000154980353F, -5.73433627e-05F, -1.78014889e-05F,
     -4.69136526e-06F, -1.05755172e-06F, -1.76217181e-07F},
    {0.00109487205F, 0.000809606599F, 0.000139106024F, -0.000432510531F, -0.000611602709F, -0.000451102271F,
     -0.000187649156F, -2.76839829e-06F, 6.42957726e-05F, 5.9546842e-05F, 3.48658743e-05F, 1.54947438e-05F,
     5.54604926e-06F, 1.6437802e-06F, 4.09760178e-07F, 1.27423763e-07F},
};

/// 2^f for f in [-0.5, 0.5], in powers of f, lowest first.
/// Its own error: 2.5e-09 relative.
inline constexpr float kExp2[7] = {1.0F,           0.693147207F,   0.240226509F,   0.0555032723F,
                                   0.00961805668F, 0.00134004282F, 0.000154614447F};

}  // namespace paceline
