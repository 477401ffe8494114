"""A document that is wrong is found to be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents.renew import renewed
from tests.documents.running import Reader, read


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    folder = tmp_path / "reader"
    folder.mkdir()
    reader = Reader(folder, "http://127.0.0.1:1")
    yield reader
    reader.close()


def check(reader: Reader, folder: Path, text: str) -> None:
    (folder / "page.md").write_text(text)
    for block in read(reader, "page.md", lambda block: True, folder):
        assert reader.saw(block), block.place


def test_blocks_of_a_page_have_names_files_and_variables_in_common(
    reader: Reader, tmp_path: Path
) -> None:
    text = """
<!-- file: there.py -->
```python
ANSWER = 42
```

Say:

```sh
NAME=$(grep -c ANSWER there.py)
```

```sh
echo $NAME
cat README.md | head -1
```

```text
1
# Sureflow
```

```python
import there as x
```

```python
print(x.ANSWER)
```

```text
42
```

```sh
.venv/bin/python -c 'import there; print(there.ANSWER)'
```

```text
42
```
"""
    check(reader, tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        "```sh\nfalse\n```",
        "```sh\nsureflow --help\n```",
        "```sh\nfalse | true\n```",
        "```sh\necho 1\n```\n\n```text\n2\n```",
        "```python\nprint(1)\n```\n\n```text\n2\n```",
        "```sh\n.venv/bin/sureflow serve --models-dir nowhere\n```",
    ],
)
def test_what_does_not_work_or_prints_something_else(
    text: str, reader: Reader, tmp_path: Path
) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:"):
        check(reader, tmp_path, text)


def test_the_server_that_documents_speak_of_is_that_of_the_tests(
    reader: Reader, tmp_path: Path
) -> None:
    text = "```sh\necho http://127.0.0.1:8000/docs localhost:8000\n```\n"
    check(reader, tmp_path, text + "```text\nhttp://127.0.0.1:1/docs 127.0.0.1:1\n```")


def test_what_is_printed_now_can_be_written(reader: Reader, tmp_path: Path) -> None:
    text = "```sh\necho 1.001\n```\n\n```text\n1.0\n```\n\n```sh\nseq 2\n```\n\n```text\n7\n```\n"
    (tmp_path / "page.md").write_text(text + "```sh\necho x\n```\n\n```text\n```\n")
    (tmp_path / "page.md").write_text(renewed(reader, "page.md", tmp_path))
    text = text.replace("7\n", "1\n2\n") + "```sh\necho x\n```\n\n```text\nx\n```\n"
    assert (tmp_path / "page.md").read_text() == text
