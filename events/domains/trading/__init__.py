"""Trading: trades, orders, positions, the rewards they earn and the limits they must keep."""
