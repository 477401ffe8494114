"""``python -m sureflow_client``: the command ``sureflow-client``."""

from sureflow_client._cli.main import main

main()
