# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Tune · kb playground", css_file="../looks.css")

with app.setup:
    import marimo as mo

    from playground import snippets, tune_view
    from playground.charts import LABELS, pareto
    from playground.choices import Address
    from playground.labels import as_jsonl, gold_of, with_gold
    from playground.long_work import UNDER_WAY
    from playground.looks import card, head, notice, problem, row
    from playground.looks import snippets as show_snippets
    from playground.opening import base_dropdown, opened
    from playground.promotion import Promotion, building, live
    from playground.questions import writing
    from playground.reasons import differences
    from playground.saved import load, saved_in
    from playground.selection import SelectablePassages
    from playground.settings_file import build_body, retrieve_options, settings_file
    from playground.standings import standings
    from playground.tune_form import chosen, show, tune_form
    from playground.tune_settings import TuneSettings
    from playground.tuning import planning, sweeping
    from playground.watching import begin, watch
    from retrieval.errors import ServiceError
    from retrieval.eval.dataset import parse_questions


@app.cell
def _(choose_base):
    head("tune", choose_base.value)


@app.cell
def _():
    address = Address()
    place, bases, _trouble = opened()
    _trouble
    return address, bases, place


@app.cell
def _(address, bases):
    choose_base = base_dropdown(bases, address)
    choose_base if bases else None
    return (choose_base,)


@app.cell
def _():
    get_datasets, set_datasets = mo.state(0)  # raised when there are others
    get_step, set_step = mo.state(None)  # of what is under way
    get_began, set_began = mo.state(0)  # raised when something has begun
    # Raised when something of the kind has ended: its own cells alone look again.
    get_planned, set_planned = mo.state(0)
    get_swept, set_swept = mo.state(0)
    get_written, set_written = mo.state(0)
    get_built, set_built = mo.state(0)
    ended = {
        "plan": lambda: set_planned(lambda number: number + 1),
        "sweep": lambda: set_swept(lambda number: number + 1),
        "questions": lambda: set_written(lambda number: number + 1),
        "build": lambda: set_built(lambda number: number + 1),
    }
    get_said, set_said = mo.state(None)  # what the latest button came to

    def began():
        set_began(lambda number: number + 1)

    return (
        began,
        ended,
        get_began,
        get_datasets,
        get_built,
        get_planned,
        get_swept,
        get_written,
        get_said,
        get_step,
        set_datasets,
        set_said,
        set_step,
    )


@app.cell
def _(choose_base):
    base = choose_base.value
    return (base,)


@app.cell
def _(base, ended, get_began, set_step):
    get_began()
    for _kind in ended if base else ():  # also what went on while nobody looked
        watch(UNDER_WAY.get(base.uuid, _kind), set_step, ended[_kind])


@app.cell
def _(base, get_datasets, address, place):
    get_datasets()
    datasets = place.client.datasets(base.uuid) if base else []
    _names = {f"{one.name} ({one.questions} questions)": one for one in datasets}
    _kept = [name for name, one in _names.items() if one.name == address.get("dataset")]
    choose_dataset = mo.ui.dropdown(
        _names,
        value=next(iter([*_kept, *list(_names)[-1:]]), None),
        label="Questions with answers",
        full_width=True,
        on_change=lambda one: address.keep("dataset", one.name) if one else None,
    )
    _shown = None
    if base and datasets:
        _shown = choose_dataset
    elif base:
        _shown = notice(
            "There are no questions yet.",
            "Settings are compared by questions whose answers are known. Add some below: upload a"
            " file, label passages, or have a language model write questions.",
        )
    _shown
    return choose_dataset, datasets


@app.cell
def _(choose_dataset, datasets):
    dataset = choose_dataset.value if datasets else None
    return (dataset,)


@app.cell
def _(base, dataset, place):
    mo.download(
        lambda: as_jsonl(place.client.questions(base.uuid, dataset.uuid)),
        filename=f"{dataset.name}.jsonl",
        mimetype="application/jsonl",
        label="Download these questions",
    ) if dataset else None


@app.cell
def _(base, address):
    upload = mo.ui.file(filetypes=[".jsonl"], kind="button", label="Upload questions (JSON lines)")
    label_question = mo.ui.text(
        address.get("q") or "", label="Question", placeholder="In your own words", full_width=True
    )
    find_passages = mo.ui.run_button(label="Find passages")
    return find_passages, label_question, upload


@app.cell
def _(base, find_passages, label_question, place):
    passages, _trouble = [], None
    if base and find_passages.value and label_question.value.strip():
        try:
            passages = place.client.retrieve(
                base.uuid, {"query": label_question.value.strip(), "num_results": 5}
            ).results
            if not passages:
                _trouble = notice("Nothing was found.", "Ask in other words.")
        except ServiceError as _error:
            _trouble = problem(_error)
    find_trouble = _trouble
    return find_trouble, passages


@app.cell
def _(passages):
    selectable = mo.ui.anywidget(
        SelectablePassages(
            titles=[
                f"Passage {_number}, from {_one.metadata.item_name}"
                for _number, _one in enumerate(passages, start=1)
            ],
            texts=[_one.text_content for _one in passages],
        )
    )
    keep_label = mo.ui.run_button(label="Keep as its answer", kind="success")
    return keep_label, selectable


@app.cell
def _(base, place):
    _models = [one.id for one in place.client.chat_models()] if base else []
    chat_models = [one for one in _models if one != "extractive"]
    writer = mo.ui.dropdown(
        chat_models, value=next(iter(chat_models), None), label="Language model"
    )
    wanted = mo.ui.number(1, 200, 1, value=10, label="How many")
    write = mo.ui.run_button(label="Write questions")
    return chat_models, wanted, write, writer


@app.cell
def _(base, began, place, set_said, wanted, write, writer):
    if base and write.value and writer.value:
        set_said(
            begin(
                base.uuid,
                "questions",
                lambda: writing(
                    place, base.uuid, model=writer.value, count=int(wanted.value), seed=0
                ),
                began,
            )
        )


@app.cell
def _(base, get_written):
    get_written()
    _work = UNDER_WAY.get(base.uuid, "questions") if base else None
    written = _work.result if _work is not None and _work.result is not None else None
    writing_trouble = _work.error if _work is not None else None
    drafts = list(written.questions) if written else []
    accept = mo.ui.array(
        [mo.ui.checkbox(label=f"Take question {_n}") for _n, _ in enumerate(drafts, start=1)]
    )
    keep_drafts = mo.ui.run_button(label="Keep those taken", kind="success")
    return accept, drafts, keep_drafts, writing_trouble, written


@app.cell
def _(
    accept,
    chat_models,
    drafts,
    selectable,
    find_passages,
    find_trouble,
    base,
    keep_drafts,
    keep_label,
    label_question,
    passages,
    upload,
    wanted,
    write,
    writer,
    writing_trouble,
    written,
):
    _label = [
        tune_view.hint(
            "Ask a question, select the words that answer it in one of the passages found, and keep"
            " them. Labels stay good however documents are cut."
        ),
        label_question,
        find_passages,
    ]
    if find_trouble is not None:
        _label.append(find_trouble)
    if passages:
        _label += [selectable, keep_label]
    _write = [
        tune_view.hint(
            "A language model reads parts of your documents and writes questions with quotes that"
            " answer them. Read each before you take it."
        )
    ]
    if chat_models:
        _write.append(row([writer, wanted, write]))
    else:
        _write.append(
            notice("There is no language model.", "Set KB_LLM_URL and KB_LLM_MODEL for one.")
        )
    if writing_trouble:
        _write.append(notice("The questions could not be written.", writing_trouble))
    for _question, _box in zip(drafts, accept.elements, strict=True):
        _write += [tune_view.draft_view(_question), _box]
    if written is not None:
        _write.append(tune_view.written_view(written))
    if drafts:
        _write.append(keep_drafts)
    _upload = [
        tune_view.hint(
            'A line for each question, as {"question": "How long?", "gold": [{"document":'
            ' "a.md", "quote": "waits for seven days"}]}'
        ),
        upload,
    ]
    mo.accordion(
        {
            "Label by selecting text": mo.vstack(_label),
            "Upload a file": mo.vstack(_upload),
            "Have questions written": mo.vstack(_write),
        },
        multiple=True,
    ) if base else None


@app.cell
def _(base, place, set_datasets, set_said, upload):
    if base and upload.value:
        try:
            _name = upload.name() or "questions.jsonl"
            _found = parse_questions(upload.contents(), name=_name)
            _made = place.client.add_dataset(
                base.uuid, _name.removesuffix(".jsonl"), _found, replace=True
            )
            set_said(notice("Kept.", f"{_made.questions} questions as {_made.name}."))
            set_datasets(lambda number: number + 1)
        except ServiceError as _error:
            set_said(problem(_error))


@app.cell
def _(
    base,
    dataset,
    selectable,
    keep_label,
    label_question,
    address,
    passages,
    place,
    set_datasets,
    set_said,
):
    if base and keep_label.value:
        try:
            _gold = gold_of(passages[max(selectable.value["place"], 0)], selectable.value["words"])
            _name = dataset.name if dataset else "labelled"
            _before = place.client.questions(base.uuid, dataset.uuid) if dataset else []
            _all = with_gold(_before, label_question.value.strip(), _gold)
            _made = place.client.add_dataset(base.uuid, _name, _all, replace=True)
            address.keep("dataset", _name)
            set_said(
                notice(
                    "Kept.",
                    f"{_gold.quote!r} in {_gold.document}, characters {_gold.start} to {_gold.end},"
                    f" answers {label_question.value.strip()!r}. {_made.name} has"
                    f" {_made.questions} questions.",
                )
            )
            set_datasets(lambda number: number + 1)
        except ServiceError as _error:
            set_said(problem(_error))


@app.cell
def _(accept, base, drafts, keep_drafts, address, place, set_datasets, set_said):
    if base and keep_drafts.value:
        _taken = [one for one, yes in zip(drafts, accept.value, strict=True) if yes]
        try:
            if not _taken:
                set_said(notice("Nothing was kept.", "Take at least one question."))
            else:
                _made = place.client.add_dataset(base.uuid, "written", _taken, replace=True)
                address.keep("dataset", _made.name)
                UNDER_WAY.forget(base.uuid, "questions")
                set_said(notice("Kept.", f"{_made.questions} questions as {_made.name}."))
                set_datasets(lambda number: number + 1)
        except ServiceError as _error:
            set_said(problem(_error))


@app.cell
def _(get_said):
    get_said()


@app.cell
def _(base, address, place):
    model_id = place.model(base.embedding_model_uuid).id if base else ""
    _has_reranker = bool(base) and any(one.type == "reranking" for one in place.client.models())
    form = (
        tune_form(
            address.choice("sweep", TuneSettings),
            place.models(),
            model_id,
            has_reranker=_has_reranker,
        )
        if base
        else None
    )
    return form, model_id


@app.cell
def _(base, form):
    card("What to try", show(form)) if base else None


@app.cell
def _(base, dataset):
    estimate = mo.ui.run_button(label="Estimate the cost", kind="success")
    estimate if base and dataset else None
    return (estimate,)


@app.cell
def _(base, began, dataset, estimate, form, model_id, address, place):
    def _plan():
        _settings = chosen(form.value)
        address.keep("sweep", _settings)
        return planning(
            place,
            base.uuid,
            dataset=dataset.name,
            questions=place.client.questions(base.uuid, dataset.uuid),
            grid=_settings.grid(model_id),
            goal=_settings.goal,
            halving=_settings.halving,
        )

    begin(base.uuid, "plan", _plan, began) if base and dataset and estimate.value else None


@app.cell
def _(base, form, get_planned):
    get_planned()
    _work = UNDER_WAY.get(base.uuid, "plan") if base else None
    plan = _work.result if _work is not None and not _work.is_running else None
    start = mo.ui.run_button(label="Start the sweep", kind="success")
    _shown = None
    if _work is not None and _work.error:
        _shown = notice("The cost could not be estimated.", _work.error)
    elif plan is not None:
        _shown = card(
            "What it will take",
            mo.vstack([tune_view.cost_view(plan, price=form.value["price"] or 0.0), start]),
        )
    _shown
    return plan, start


@app.cell
def _(base, began, ended, plan, start):
    _trouble = None
    if base and plan is not None and start.value:
        _trouble = begin(base.uuid, "sweep", lambda: sweeping(plan, saved_in(base.uuid)), began)
        if _trouble is None:
            UNDER_WAY.forget(base.uuid, "plan")
            ended["plan"]()  # there is nothing more to see of it
    _trouble


@app.cell
def _(base, ended):
    def _stop(_):
        for _kind in ended:
            _work = UNDER_WAY.get(base.uuid, _kind)
            if _work is not None:
                _work.stop()

    stop = mo.ui.button(label="Stop", on_click=_stop)
    return (stop,)


@app.cell
def _(get_step, stop):
    mo.vstack([tune_view.progress_view(get_step()), stop]) if get_step() else None


@app.cell
def _(base, get_swept):
    get_swept()
    sweep = load(saved_in(base.uuid)) if base else None
    _work = UNDER_WAY.get(base.uuid, "sweep") if base else None
    sweep_trouble = _work.error if _work is not None else None
    found = (
        standings(sweep.found, goal=sweep.goal, reference=sweep.reference)
        if sweep is not None and sweep.reference in sweep.by_name
        else []
    )
    return found, sweep, sweep_trouble


@app.cell
def _(found, sweep, sweep_trouble):
    _parts = []
    if sweep_trouble:
        _parts.append(notice("The sweep has ended early.", sweep_trouble))
    if found:
        _parts += [
            tune_view.summary_view(sweep, found),
            tune_view.standings_view(found, star=sweep.goal.star),
        ]
    card("Result", mo.vstack(_parts)) if _parts else None


@app.cell
def _(found):
    price = mo.ui.dropdown(
        {label: name for name, label in LABELS.items()},
        value=LABELS["tokens"],
        label="Quality against",
    )
    against = mo.ui.dropdown(
        {one.measured.name: one for one in found if one.measured.settled},
        value=next((one.measured.name for one in found if one.measured.settled), None),
        label="Setting",
        full_width=True,
    )
    return against, price


@app.cell
def _(found, price, sweep):
    card(
        "Quality and what it costs",
        mo.vstack([price, pareto(found, star=sweep.goal.star, price=price.value)]),
    ) if found else None


@app.cell
def _(against, sweep):
    _shown = None
    if against.value is not None:
        _name = against.value.measured.name
        _parts = [against]
        if _name != sweep.reference:
            _now = sweep.by_name[sweep.reference]
            try:
                _parts.append(
                    tune_view.differences_view(
                        differences(
                            _now.results, sweep.by_name[_name].results, star=sweep.goal.star
                        ),
                        star=sweep.goal.star,
                    )
                )
            except ServiceError as _error:
                _parts.append(problem(_error))
        else:
            _parts.append(tune_view.hint("This is how the knowledge base answers now."))
        _shown = card("Which questions fare otherwise", mo.vstack(_parts))
    _shown


@app.cell
def _(against, base, place):
    candidate = against.value.measured.candidate if against.value is not None else None
    _shown = None
    promotion, model_uuid = None, None
    if candidate is not None:
        promotion = Promotion(place.client, base.uuid, candidate)
        model_uuid = place.model(candidate.index.model_id).uuid
        _text = settings_file(candidate, model_uuid)
        _shown = card(
            "Take it over",
            mo.vstack(
                [
                    tune_view.hint(
                        "The setting as a file: kb index build --settings builds its index version,"
                        " kb eval run --settings asks in its way."
                    ),
                    mo.download(
                        _text.encode(), filename=f"{base.name}-settings.json", label="Settings file"
                    ),
                    show_snippets(
                        "Build it from code",
                        snippets.build(
                            place.shown_url, base.uuid, build_body(candidate.index, model_uuid)
                        ),
                    ),
                    show_snippets(
                        "Ask in this way from code",
                        snippets.retrieve(
                            place.shown_url,
                            base.uuid,
                            {"query": "Your question", **retrieve_options(candidate.like)},
                        ),
                    ),
                ]
            ),
        )
    _shown
    return candidate, model_uuid, promotion


@app.cell
def _(promotion):
    build = mo.ui.run_button(label="Build it beside the live index version", kind="success")
    build if promotion is not None else None
    return (build,)


@app.cell
def _(base, began, build, model_uuid, promotion):
    _trouble = None
    if promotion is not None and build.value:
        _trouble = begin(base.uuid, "build", lambda: building(promotion, model_uuid), began)
    _trouble


@app.cell
def _(base, get_built):
    get_built()
    _work = UNDER_WAY.get(base.uuid, "build") if base else None
    shadow = _work.result if _work is not None and not _work.is_running else None
    _trouble = _work.error if _work is not None else None
    notice("The index version could not be built.", _trouble) if _trouble else None
    return (shadow,)


@app.cell
def _(dataset, place, base, shadow):
    _first = place.client.questions(base.uuid, dataset.uuid)[0].question if dataset else ""
    both_asked = mo.ui.text(_first, label="Ask both", full_width=True)
    ask_both = mo.ui.run_button(label="Ask both index versions")
    confirmed = mo.ui.checkbox(
        label=f"Yes, let index version {shadow.number} answer from now on" if shadow else "Yes"
    )
    promote = mo.ui.run_button(label="Promote", kind="warn")
    roll_back = mo.ui.run_button(label="Go back to the index version before")
    return ask_both, both_asked, confirmed, promote, roll_back


@app.cell
def _():
    get_live, set_live = mo.state(0)  # raised when another one may be live
    get_promotion, set_promotion = mo.state(None)
    return get_live, get_promotion, set_live, set_promotion


@app.cell
def _(ask_both, base, both_asked, place, promotion, shadow):
    sides, _trouble = None, None
    if promotion is not None and shadow is not None and ask_both.value and both_asked.value.strip():
        try:
            _live = live(place.client.index_versions(base.uuid))
            sides = tune_view.side_by_side_view(
                promotion.ask(both_asked.value.strip(), shadow.uuid),
                live=_live.number,
                shadow=shadow.number,
            )
        except ServiceError as _error:
            sides = problem(_error)
    return (sides,)


@app.cell
def _(base, confirmed, place, promote, set_live, set_promotion, shadow):
    if shadow is not None and promote.value:
        try:
            if not confirmed.value:
                set_promotion(notice("Nothing has changed.", "Say yes first: tick the box above."))
            else:
                _done = place.client.promote(base.uuid, shadow.uuid)
                set_promotion(
                    notice("Promoted.", f"Index version {_done.number} answers from now on.")
                )
                set_live(lambda number: number + 1)
        except ServiceError as _error:
            set_promotion(problem(_error))


@app.cell
def _(base, place, roll_back, set_live, set_promotion):
    if base and roll_back.value:
        try:
            _done = place.client.roll_back(base.uuid)
            set_promotion(notice("Gone back.", f"Index version {_done.number} answers again."))
            set_live(lambda number: number + 1)
        except ServiceError as _error:
            set_promotion(problem(_error))


@app.cell
def _(
    ask_both,
    base,
    both_asked,
    confirmed,
    get_live,
    get_promotion,
    place,
    promote,
    roll_back,
    shadow,
    sides,
):
    get_live()
    _shown = None
    if base and shadow is not None:
        _live = live(place.client.index_versions(base.uuid))
        _parts = [tune_view.live_view(_live, shadow)]
        if _live.uuid != shadow.uuid:
            _parts += [both_asked, ask_both]
            if sides is not None:
                _parts.append(sides)
            _parts += [confirmed, promote]
        else:
            _parts.append(roll_back)
        if get_promotion() is not None:
            _parts.append(get_promotion())
        _shown = card("Promote", mo.vstack(_parts))
    _shown


if __name__ == "__main__":
    app.run()
