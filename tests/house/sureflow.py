"""The house of this repository: its packages, and the rules that hold for them."""

from __future__ import annotations

from pathlib import Path

from tests.house.imports import Tree, read
from tests.house.rules import Apart, Never, NoCircle, NoFile, OneWay, Rule, Unloaded

HERE = Path(__file__).parents[2]

FOLDERS = {
    "sureflow": "models/sureflow",
    "sureflow_server": "server/sureflow_server",
    "sureflow_client": "clients/python/sureflow_client",
    "sureflow_studio": "clients/studio/sureflow_studio",
    "benchmarks": "benchmarks",
    "deploy": "deploy",
    "documents": "documents",
    "examples": "examples",
    "tests": "tests",
}
"""All Python of the repository, by package."""

ROOMS = {
    "__main__": ("cli",),
    "cli": ("evaluation", "inspection", "importing"),
    "importing": ("training",),
    "evaluation": ("training",),
    "training": ("families", "checkpoint"),
    "inspection": ("checkpoint",),
    "checkpoint": (
        "model",
        "learned",
        "weights",
        "numerics",
        "folders",
        "device",
        "training_index",
    ),
    "learned": ("confidence", "file_kind"),
    "weights": ("file_kind",),
    "training_index": ("core", "file_kind"),
    "file_kind": ("regular_file",),
    "regular_file": (),
    "folders": (),
    "families": ("sampling", "networks"),
    "sampling": ("model", "recipe", "confidence", "numerics", "regular_file"),
    "model": ("confidence",),
    "recipe": ("core",),
    "confidence": ("core",),
    "networks": ("moments", "core", "allocator"),
    "moments": ("numerics",),
    "numerics": (),
    "allocator": (),
    "device": (),
    "core": (),
}
"""The rooms of the library, each with those just below it."""

RULES: dict[str, Rule] = {
    "circles": NoCircle("No module imports itself in the end, types included.", functions=False),
    "late circles": NoCircle(
        "No module imports itself in the end, not even by what a function imports.", functions=True
    ),
    "arrows": OneWay("Rooms of the library import only rooms below them.", "sureflow", ROOMS),
    "scores": Never(
        "A score knows no lanes.",
        ("sureflow.core.score", "sureflow.families.*.scores.**"),
        ("sureflow.core.lanes", "sureflow.families.*.lanes"),
    ),
    "families": Apart(
        "Families do not know each other; diffusion, students are flows, crystals flow and tokens.",
        "sureflow.families",
        {"crystals": ("flow", "tokens"), "diffusion": ("flow",), "students": ("flow",)},
    ),
    "library": Never(
        "The library knows neither the server nor the clients.",
        ("sureflow.**",),
        ("sureflow_server.**", "sureflow_client.**", "sureflow_studio.**"),
    ),
    "server": Never(
        "The server does not know the clients.",
        ("sureflow_server.**",),
        ("sureflow_client.**", "sureflow_studio.**"),
    ),
    "client": Never(
        "The clients share no code with library and server.",
        ("sureflow_client.**", "sureflow_studio.**"),
        ("sureflow.**", "sureflow_server.**"),
    ),
    "api": Unloaded(
        "The API process and the face of a family load no torch.",
        (
            "sureflow",
            "sureflow.families.*",
            "sureflow_server",
            "sureflow_server.*",
            "sureflow_server.api.**",
            "sureflow_server.engine.pool",
            "sureflow_server.engine.worker",
            "sureflow_server.filters.**",
            "sureflow_server.judges.**",
            "sureflow_server.keys.**",
            "sureflow_server.replicas.**",
            "sureflow_server.store.**",
        ),
        ("torch.**",),
    ),
    "guests": Unloaded(
        "Packages of other people's models are loaded with the first such model.",
        ("sureflow.**", "sureflow_server.**"),
        ("diffusers.**", "onnx.**", "onnxruntime.**", "tokenizers.**", "transformers.**"),
    ),
    "agents": Unloaded(
        "What speaks to agents is loaded with the first of them.",
        ("sureflow_server.**", "sureflow_client", "sureflow_client._cli.**"),
        ("mcp.**", "mcp_types.**"),
    ),
    "scheduler": Unloaded(
        "The scheduler holds no tensor.",
        ("sureflow_server.engine.scheduler",),
        ("torch.**", "numpy.**"),
    ),
    "tick": Unloaded(
        "The tick knows no HTTP.",
        ("sureflow_server.engine.loop", "sureflow.sampling.**"),
        ("fastapi.**", "starlette.**", "uvicorn.**"),
    ),
    "names": NoFile("A file is named by the noun in it.", ("utils", "helpers", "manager", "misc")),
}
"""By a short name."""


def house(root: Path = HERE) -> Tree:
    """The modules of a checkout of this repository and their imports."""
    folders = {name: root / folder for name, folder in FOLDERS.items()}
    return read({name: folder for name, folder in folders.items() if folder.is_dir()}, also="tests")
