"""
Seeded fuzzers: arguments, answers and downloads that nobody would write on purpose.

Each case is a pure function of its seed and its number, and carries what is true of it, so that what the provider
makes of it can be judged. ``make fuzz`` plays 20,000 of each; the suite plays a slice.
"""
