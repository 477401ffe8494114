"""LitServe with batching: a batch runs the offline loop over the lanes of all its requests."""

from __future__ import annotations

import litserve

from benchmarks.serving.peers.lanes import Answer, Body, Generator, options


class Api(litserve.LitAPI):
    """The hooks, their arguments named as LitServe wants them."""

    def __init__(self, model: str, lanes: int, batch: int, wait: float) -> None:
        super().__init__(max_batch_size=batch, batch_timeout=wait, api_path="/generate")
        self.name = model
        self.lanes = lanes

    def setup(self, device: str) -> None:
        """Load the model, in the process that infers."""
        self.generator = Generator(self.name, self.lanes)

    # LitServe insists on the name `request`, and would take annotations of what comes in and goes
    # out for schemas to validate by.
    def decode_request(self, request) -> Body:  # type: ignore[no-untyped-def]
        """Nothing to decode."""
        return request

    def batch(self, inputs: list[Body]) -> list[Body]:
        """Requests of different shapes stay a list."""
        return inputs

    def predict(self, inputs: list[Body] | Body) -> list[Answer]:
        """Generate for all of them."""
        return self.generator.answer(inputs if isinstance(inputs, list) else [inputs])

    def unbatch(self, output: list[Answer]) -> list[Answer]:
        """One answer for each."""
        return output

    def encode_response(self, output):  # type: ignore[no-untyped-def]
        """Nothing to encode; without batching there is a list of one."""
        return output[0] if isinstance(output, list) else output


if __name__ == "__main__":
    chosen = options(__doc__)
    # Where a later `mcp` is installed than it knows, it would import what is gone from there.
    litserve.server._MCP_AVAILABLE = False
    api = Api(chosen.model, chosen.capacity, chosen.batch, chosen.wait)
    server = litserve.LitServer(
        api, accelerator="cpu", devices=1, workers_per_device=1, timeout=chosen.timeout
    )
    server.run(host="127.0.0.1", port=chosen.port, log_level="warning", generate_client_file=False)
