"""Twenty tasks that agents are given, done by a script through the tools of a server.

While ``sureflow serve`` runs, ``python -m benchmarks.agent_tasks`` prints, for each way to its
tools, how many calls each task takes, and how long its longest answer is.
"""
