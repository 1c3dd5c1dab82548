# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Ask · kb playground", css_file="../looks.css")

with app.setup:
    import marimo as mo

    from playground import snippets
    from playground.answer_view import answer_view, passages_view, place_of, places, titles
    from playground.ask_form import ask_form, chosen, show
    from playground.ask_settings import AskSettings
    from playground.asking import Asking
    from playground.choices import Address
    from playground.document_view import document_view
    from playground.looks import card, columns, head, is_live, problem, row
    from playground.looks import snippets as show_snippets
    from playground.opening import base_dropdown, opened
    from retrieval.errors import ServiceError


@app.cell
def _(choose_base):
    head("ask", choose_base.value)


@app.cell
def _():
    address = Address()
    place, bases, _trouble = opened()
    _trouble
    return address, bases, place


@app.cell
def _(address, bases):
    choose_base = base_dropdown(bases, address)
    question = mo.ui.text_area(
        address.get("q") or ("" if is_live() else "What is this knowledge base about?"),
        label="Question",
        placeholder="Ask in your own words",
        rows=2,
        full_width=True,
    )
    compare = mo.ui.switch(value=address.get("b") is not None, label="Compare two configurations")
    mo.vstack([choose_base, question, compare]) if bases else None
    return choose_base, compare, question


@app.cell
def _(choose_base, place):
    base = choose_base.value
    models, filter_fields, has_reranker, _trouble = [], [], False, None
    if base:
        try:
            models = place.client.chat_models()
            filter_fields = place.client.filter_fields(base.uuid)
            has_reranker = any(one.type == "reranking" for one in place.client.models())
        except ServiceError as error:
            _trouble = problem(error)
    _trouble
    return base, filter_fields, has_reranker, models


@app.cell
def _(compare, filter_fields, has_reranker, models, address):
    _titles = ("First configuration", "Second configuration") if compare.value else ("Settings",)
    forms = mo.ui.array(
        [
            ask_form(address.choice(_name, AskSettings), models, has_reranker=has_reranker)
            for _name, _title in zip("ab", _titles, strict=False)
        ]
        if models
        else []
    )
    _shown = {
        _title: show(_form, filter_fields)
        for _title, _form in zip(_titles, forms.elements, strict=False)
    }
    mo.accordion(_shown, multiple=True) if _shown else None
    return (forms,)


@app.cell
def _(forms, address):
    configurations = [chosen(_values) for _values in forms.value]
    for _name, _one in zip("ab", configurations, strict=False):
        address.keep(_name, _one)
    if len(configurations) < 2:
        address.keep("b", None)
    return (configurations,)


@app.cell
def _():
    asked = {}  # what is under way; replacing it has nothing run again
    get_answers, set_answers = mo.state([])
    get_place, set_place = mo.state(None)
    return asked, get_answers, get_place, set_answers, set_place


@app.cell
def _(asked, base):
    ask = mo.ui.run_button(label="Ask", kind="success")
    stop = mo.ui.button(label="Stop", on_click=lambda _: asked and asked["now"].stop())
    row([ask, stop]) if base else None
    return (ask,)


@app.cell
def _(ask, asked, base, configurations, address, place, question, set_answers, set_place):
    _is_first = "now" not in asked and (address.get("q") or not is_live())
    if configurations and question.value.strip() and (ask.value or _is_first):
        if asked:
            asked["now"].stop()
        address.keep("q", question.value)
        set_place(None)
        asked["now"] = Asking(
            place.client,
            base.uuid,
            question.value.strip(),
            configurations,
            lambda asking: set_answers(asking.answers),
        )
        asked["now"].start()


@app.cell
def _(get_answers, set_place):
    def _opener(cited, label):
        return mo.ui.button(label=label, on_click=lambda _: set_place(cited))

    answers = get_answers()
    cited_buttons = mo.ui.array(
        [
            mo.ui.dictionary(
                {
                    _place.uri: _opener(_place, f"{_number}")
                    for _number, _place in enumerate(places(_one), start=1)
                }
                if _one.is_done
                else {}
            )
            for _one in answers
        ]
    )
    passage_buttons = mo.ui.array(
        [
            mo.ui.array(
                [
                    _opener(place_of(_result), "Show in the document")
                    for _result in (_one.found.results if _one.found else [])
                ]
            )
            for _one in answers
        ]
    )
    return answers, cited_buttons, passage_buttons


@app.cell
def _(answers, cited_buttons):
    columns(
        [
            card(title, answer_view(_one, _buttons.elements))
            for title, _one, _buttons in zip(titles(answers), answers, cited_buttons, strict=True)
        ]
    ) if answers else None


@app.cell
def _(get_place, place):
    _shown = None
    if (_cited := get_place()) is not None:
        try:
            _shown = document_view(place.client, _cited)
        except ServiceError as error:
            _shown = problem(error)
    _shown


@app.cell
def _(answers, passage_buttons):
    columns(
        [
            passages_view(_one.found, list(_buttons))
            for _one, _buttons in zip(answers, passage_buttons, strict=True)
            if _one.found is not None
        ]
    ) if answers else None


@app.cell
def _(base, configurations, place, question):
    _shown = None
    if configurations:
        try:
            _first, _asked = configurations[0], question.value.strip() or "Your question"
            _scripts = snippets.chat(place.shown_url, _first.chat_options(base.uuid, _asked))
            _passages = snippets.retrieve(
                place.shown_url, base.uuid, _first.retrieve_options(_asked)
            )
            _shown = mo.vstack(
                [
                    show_snippets("This answer from code", {**_scripts, "MCP": _passages["MCP"]}),
                    show_snippets("These passages from code", _passages),
                ]
            )
        except ServiceError as error:
            _shown = problem(error)
    _shown


if __name__ == "__main__":
    app.run()
