"""System: how services, models and strategies do."""
