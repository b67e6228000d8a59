"""Object storage: where videos are landed, and whether what was landed is a whole mp4."""
