"""A domain of the test's own, whose handlers note every attempt and every effect."""
