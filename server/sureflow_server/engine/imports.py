"""Imports what workers need, in the fork server; importing this module does so.

The terminal's Ctrl-C and a service manager's SIGTERM reach the whole process group, and the fork
server is needed for as long as there are workers. It ends when the API process does.

What is imported stays, so that nothing is searched for garbage meanwhile, nor in the workers.
"""

from __future__ import annotations

import gc
import signal
from importlib import import_module

gc.disable()
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
for name in (
    "sureflow_server.engine.loader",
    "sureflow_server.engine.loop",
    "torch.fx.experimental.symbolic_shapes",  # which torch imports with the first tangent
):
    import_module(name)
gc.freeze()
gc.enable()
