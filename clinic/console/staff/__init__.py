"""Who works here: colleagues, roles, ways to reach them, who is on call, clinic settings."""
