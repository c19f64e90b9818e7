// run.h - the whole program but its main(), so that tests can call it.
#pragma once

// Compares the two files that argv names and prints the report. Returns the exit status: run.c.
int wavmatch_run(int argc, char **argv);
