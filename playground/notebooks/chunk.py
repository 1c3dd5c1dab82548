# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Chunk · kb playground", css_file="../looks.css")

with app.setup:
    import marimo as mo

    from playground import snippets
    from playground.candidates import IndexChoice
    from playground.choices import Address
    from playground.chunk_choice import ChunkChoice
    from playground.chunk_form import choose_strategy, chosen, chunk_form, show
    from playground.cut_figures import cut_figures
    from playground.cut_view import cut_view, figures_view, histogram, pages
    from playground.cutting import Cutter
    from playground.looks import columns, fields, head, notice, problem
    from playground.looks import snippets as show_snippets
    from playground.opening import base_dropdown, opened
    from playground.settings_file import build_body
    from retrieval.errors import ServiceError


@app.cell
def _(choose_base):
    head("chunk", choose_base.value)


@app.cell
def _():
    address = Address()
    place, bases, _trouble = opened()
    _trouble
    return address, bases, place


@app.cell
def _(address, bases):
    choose_base = base_dropdown(bases, address)
    return (choose_base,)


@app.cell
def _(choose_base, address, place):
    base = choose_base.value
    cutter, model, documents = None, None, []
    _trouble = None
    if base:
        try:
            model = place.model(base.embedding_model_uuid)
            cutter = Cutter(place.client, base.uuid, place.embedder(base.embedding_model_uuid))
            documents = [one for one in place.client.documents(base.uuid) if one.chunks]
        except ServiceError as error:
            _trouble = problem(error)
    if base and _trouble is None and not documents:
        _trouble = notice(
            "No document is indexed here yet.",
            f"Add some: kb add {base.name} <files>. They show up here once they are indexed.",
        )
    _trouble
    return base, cutter, documents, model


@app.cell
def _(documents, address):
    _names = {one.item_name: one for one in documents}
    _kept = [one for one in address.get_all("document") if one in _names]
    choose_documents = mo.ui.multiselect(
        _names,
        value=_kept or list(_names)[:1],
        label="Documents",
        full_width=True,
    )
    compare = mo.ui.switch(value=address.get("b") is not None, label="Compare two strategies")
    price = mo.ui.number(0, 1000, 0.01, value=0, label="Price of a million tokens", full_width=True)
    return choose_documents, compare, price


@app.cell
def _(choose_base, choose_documents, compare, documents, price):
    mo.vstack(
        [fields([choose_base, choose_documents, price]), compare]
    ) if documents else choose_base
    return


@app.cell
def _(choose_documents, address):
    chosen_documents = choose_documents.value
    address.keep("document", [one.item_name for one in chosen_documents])
    return (chosen_documents,)


@app.cell
def _(chosen_documents):
    choose_shown = mo.ui.dropdown(
        {one.item_name: place for place, one in enumerate(chosen_documents)},
        value=chosen_documents[0].item_name if chosen_documents else None,
        label="Shown below",
        full_width=True,
    )
    return (choose_shown,)


@app.cell
def _(chosen_documents, choose_shown, cutter):
    _count = 1
    if chosen_documents and choose_shown.value is not None:
        _count = pages(cutter.read(chosen_documents[choose_shown.value]).document.text)
    choose_part = mo.ui.number(1, _count, 1, value=1, label=f"Part, 1 to {_count}", full_width=True)
    fields([choose_shown, choose_part]) if len(chosen_documents) > 1 or _count > 1 else None
    return (choose_part,)


@app.cell
def _(compare, model, address):
    strategies = mo.ui.array(
        [
            choose_strategy(address.choice(_name, ChunkChoice), _label)
            for _name, _label in (("a", "Strategy"), ("b", "Second strategy"))[
                : 2 if compare.value else 1
            ]
        ]
    )
    fields(list(strategies.elements)) if model else None
    return (strategies,)


@app.cell
def _(model, address, strategies):
    forms = mo.ui.array(
        [
            chunk_form(address.choice(_name, ChunkChoice), _strategy, model)
            for _name, _strategy in zip("ab", strategies.value, strict=False)
        ]
        if model
        else []
    )
    columns([show(_one) for _one in forms.elements])
    return (forms,)


@app.cell
def _(forms, address, strategies):
    choices = [
        chosen(_strategy, _values)
        for _strategy, _values in zip(strategies.value, forms.value, strict=False)
    ]
    for _name, _one in zip("ab", choices, strict=False):
        address.keep(_name, _one)
    if len(choices) < 2:
        address.keep("b", None)
    return (choices,)


@app.cell
def _(choices, chosen_documents, cutter, model):
    results, _trouble = [], None
    if choices and chosen_documents:
        try:
            for _choice in choices:
                _settings = _choice.settings(model)
                results.append((_settings, cutter.cut(chosen_documents, _settings)))
        except ServiceError as error:
            results, _trouble = [], problem(error)
    _trouble
    return (results,)


@app.cell
def _(choose_part, choose_shown, cutter, price, results):
    _parts = []
    for _settings, _cuts in results:
        _figures = cut_figures(_cuts)
        _seconds = cutter.seconds_per_token(_cuts) * _figures.tokens
        _parts.append(
            mo.vstack(
                [
                    figures_view(_figures, seconds=_seconds, price=price.value),
                    histogram(_figures, _settings.max_chunk_size),
                    cut_view(_cuts[choose_shown.value or 0], int(choose_part.value)),
                ]
            )
        )
    columns(_parts) if _parts else None
    return


@app.cell
def _(base, choices, model, place):
    _shown = None
    if choices:
        _body = build_body(
            IndexChoice(model_id=model.id, chunking=choices[0].settings(model)), model.uuid
        )
        _scripts = snippets.build(place.shown_url, base.uuid, _body)
        _scripts["MCP"] = snippets.mcp(
            place.shown_url, {"knowledge_base_id": str(base.uuid), "query": "Your question"}
        )
        _shown = show_snippets("An index version cut like this, from code", _scripts)
    _shown
    return


if __name__ == "__main__":
    app.run()
