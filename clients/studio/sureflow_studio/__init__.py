"""The studio: the page of a Sureflow server, written on its asynchronous client.

A server that finds this package installed shows it at ``/``.
"""
