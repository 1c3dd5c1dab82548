"""What the views have in common to look at: their head, notices, problems, the way to code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import urlencode

import marimo as mo

from playground.bodies import KnowledgeBase
from playground.errors import PlaygroundError
from playground.workplace import META
from retrieval.errors import ServiceError

VIEWS = {"ask": "Ask", "chunk": "Chunk", "tune": "Tune", "evaluate": "Evaluate"}
PURPOSES = {
    "ask": "Ask your documents, and see where each part of the answer comes from and why.",
    "chunk": "See how documents are cut into the passages that are searched.",
    "tune": "Find the settings that answer your own questions best, and put them into production.",
    "evaluate": "See how good the answers have been over time.",
}


def html(text: str) -> mo.Html:
    """HTML of ours. Whatever comes from documents or people must be escaped in it."""
    lines = text.replace("\n", "&#10;")  # some of marimo's layouts join lines
    return mo.Html(f'<div class="kb">{lines}</div>')


def head(view: str, base: KnowledgeBase | None) -> mo.Html:
    """The way to the other views of the same knowledge base, and what this one is for."""
    nav = _nav(view, base) if is_live() else ""
    return html(f'{nav}<h1>{VIEWS[view]}</h1><p class="kb-soft">{PURPOSES[view]}</p>')


def _nav(view: str, base: KnowledgeBase | None) -> str:
    links = "".join(
        f'<a href="{escape(_link(name, base))}"{" aria-current=page" if name == view else ""}>'
        f"{title}</a>"
        for name, title in VIEWS.items()
    )
    sign_out = '<form method="post" action="../sign-out"><button>Sign out</button></form>'
    return (
        f'<nav class="kb-nav" aria-label="Views"><strong>kb playground</strong>{links}'
        f"{sign_out if is_served() else ''}</nav>"
    )


def notice(title: str, text: str) -> mo.Html:
    """Something is not there yet: what to do. Escapes both."""
    return html(
        f'<div class="kb-notice" role="status"><strong>{escape(title)}</strong>'
        f"<p>{escape(text)}</p></div>"
    )


def problem(error: Exception) -> mo.Html:
    """An error as a sentence and not as a traceback. Errors that are not ours are raised again."""
    if not isinstance(error, ServiceError):
        raise error
    title = "That did not work." if isinstance(error, PlaygroundError) else "That cannot be."
    return html(
        f'<div class="kb-problem" role="alert"><strong>{title}</strong>'
        f"<p>{escape(str(error))}</p></div>"
    )


def columns(parts: Sequence[mo.Html]) -> mo.Html:
    """Side by side where there is room."""
    return html(f'<div class="kb-columns">{"".join(f"<div>{one}</div>" for one in parts)}</div>')


def fields(widgets: Sequence[object]) -> mo.Html:
    """Widgets in as many columns as fit."""
    return html(f'<div class="kb-fields">{"".join(f"<div>{one}</div>" for one in widgets)}</div>')


def row(widgets: Sequence[object]) -> mo.Html:
    """Widgets beside each other."""
    return html(f'<div class="kb-row">{"".join(f"{one}" for one in widgets)}</div>')


def card(title: str, content: object) -> mo.Html:
    """Something with a border; without a title if that is empty."""
    heading = f"<h2>{escape(title)}</h2>" if title else ""
    return html(f'<div class="kb-card">{heading}{content}</div>')


def snippets(title: str, calls: Mapping[str, str]) -> mo.Html:
    """The same from code, to copy; `calls` are scripts by the name of their door."""
    languages = {"REST": "bash", "Python": "python", "MCP": "python"}
    shown = {
        name: mo.ui.code_editor(script, language=languages[name], disabled=True, max_height=320)
        for name, script in calls.items()
    }
    return mo.accordion({title: mo.ui.tabs(shown)})


def is_served() -> bool:
    """Whether `kb up` serves this page."""
    request = mo.app_meta().request
    return request is not None and META in request.meta


def is_live() -> bool:
    """Whether somebody looks at a page that widgets work on: not so in Jupyter or a script."""
    return mo.app_meta().mode in {"edit", "run"}


def _link(view: str, base: KnowledgeBase | None) -> str:
    query = {"kb": base.name} if base else {}
    if is_served():
        return f"../{view}/" + (f"?{urlencode(query)}" if query else "")
    return f"?{urlencode({'file': f'{view}.py'} | query)}"
