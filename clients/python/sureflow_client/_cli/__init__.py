"""The command ``sureflow-client``: the client for terminals and scripts."""
