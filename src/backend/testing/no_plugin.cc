// A shared library without a plug-in's table, for the loader's tests.

extern "C" __attribute__((visibility("default"))) int paceline_no_plugin() { return 0; }
