"""Challenge: tasks a user can complete for experience."""
