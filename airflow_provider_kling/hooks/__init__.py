"""Hooks: the connection, the credentials and the HTTP doors to Kling."""
