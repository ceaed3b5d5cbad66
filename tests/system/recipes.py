"""The recipes of schemas/README.md, which tests run."""

import re

from kafka import ROOT


def recipe(language: str, start: str) -> str:
    """The example in this language that begins so."""
    text = (ROOT / "schemas" / "README.md").read_text()
    (found,) = re.findall(rf"```{language}\n({re.escape(start)}.*?)```", text, re.DOTALL)
    return str(found)
