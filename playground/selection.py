"""Passages in which words are selected, with the mouse or with the keyboard."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets


class SelectablePassages(anywidget.AnyWidget):
    """Shows passages and knows what is selected in which. They are shown as text, whatever they
    hold."""

    _esm = Path(__file__).with_name("selection.js")
    _css = Path(__file__).with_name("selection.css")

    titles = traitlets.List(traitlets.Unicode()).tag(sync=True)
    texts = traitlets.List(traitlets.Unicode()).tag(sync=True)
    place = traitlets.Int(-1).tag(sync=True)
    """Of the passage in which something is selected, from 0; -1 where nothing is."""
    words = traitlets.Unicode("").tag(sync=True)
