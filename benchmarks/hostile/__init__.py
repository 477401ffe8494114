"""What the server makes of requests that nobody of good will sends."""
