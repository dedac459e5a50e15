"""An app of the browser tests: a group that fails for as long as a file is there."""

GROUP = "brittle_couriers"
