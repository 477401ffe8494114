"""The images of OpenAI: a third way of speaking to the same server.

``POST /v1/images/generations`` becomes a :class:`~sureflow_server.api.requests.GenerateRequest` and
goes the way of every other one; images with a confidence come out.

Source: the types of the package ``openai``, ``openai/types/image_*.py``.
"""
