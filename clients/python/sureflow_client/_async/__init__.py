"""The client, its jobs, and their connection to a server."""
