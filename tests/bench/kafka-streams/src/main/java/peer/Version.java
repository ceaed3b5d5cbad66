package peer;

/** One row of a history: valid in [fromMs, toMs), where toMs is null for the current one. */
record Version(long fromMs, Long toMs, Attributes state, long loadedAtMs) {}
