#pragma once

namespace paceline {

/// Gives descriptors 0, 1 and 2 that were closed when the program started (`paceline ... 2>&-`) to nobody, so that no
/// file that is opened later gets their number and with it what is meant for them. From a closed standard input cannot
/// be read and to a closed standard output not be written, which is an error where it is tried; what is said on a
/// closed standard error is lost, as was asked for. Before anything else in main().
void occupy_closed_streams();

}  // namespace paceline
