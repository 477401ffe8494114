"""One file per kind of server, each a process of its own that runs the library's offline loop."""
