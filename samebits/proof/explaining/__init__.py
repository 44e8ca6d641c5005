"""Why a metric changed between two commits: hybrids of both run, and each difference gets its part."""
