"""From scores to confidence, certificates and early bounds, by score, setting and stratum."""
