"""Challenge: tasks a trader takes on, passes phase by phase, or fails."""
