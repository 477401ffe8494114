"""The Open Inference Protocol, version 2: a second way of speaking to the same server.

``POST /v2/models/{model}/infer`` becomes a :class:`~sureflow_server.api.requests.GenerateRequest`
and goes the way of every other one; tensors come out.

Source: https://github.com/kserve/open-inference-protocol, with Triton's extensions for binary
tensors and for the index of models (``docs/protocol`` of triton-inference-server/server).
"""
