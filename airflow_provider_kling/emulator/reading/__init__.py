"""What each create body may say, capability by capability; the first field that is wrong refuses the request."""
