"""The server as an application of Ray Serve, which starts, places, scales and replaces replicas.

``deploy/ray`` has the files and says how to begin. Needs the extra ``ray``.
"""
