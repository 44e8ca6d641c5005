"""Large systems of exact integers: a factor in float64, residuals in integers, a proved bound, one rounding."""
