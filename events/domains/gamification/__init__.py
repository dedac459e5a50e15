"""Gamification: experience, levels, leaderboards, achievements and streaks."""
