# Generated from _async/__init__.py by `make twins`: edit that file, not this.
"""The client, its jobs, and their connection to a server."""
