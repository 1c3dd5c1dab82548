# /// script
# [tool.marimo.display]
# theme = "system"
# ///

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Evaluate · kb playground", css_file="../looks.css")

with app.setup:
    import marimo as mo

    from playground import evaluate_view, snippets, tune_view
    from playground.bodies import StarMetric
    from playground.charts import over_time
    from playground.choices import Address
    from playground.evaluating import running
    from playground.long_work import UNDER_WAY
    from playground.looks import card, fields, head, notice, problem
    from playground.looks import snippets as show_snippets
    from playground.opening import base_dropdown, opened
    from playground.reasons import differences
    from playground.watching import begin, watch
    from retrieval.errors import ServiceError
    from retrieval.eval.run import METRICS


@app.cell
def _(choose_base):
    head("evaluate", choose_base.value)


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
    get_step, set_step = mo.state(None)  # of the run under way
    get_began, set_began = mo.state(0)
    get_ended, set_ended = mo.state(0)
    get_star, set_star = mo.state(0)  # raised when the star metric is another
    get_said, set_said = mo.state(None)
    return (
        get_began,
        get_ended,
        get_said,
        get_star,
        get_step,
        set_began,
        set_ended,
        set_said,
        set_star,
        set_step,
    )


@app.cell
def _(choose_base):
    base = choose_base.value
    return (base,)


@app.cell
def _(base, get_began, set_ended, set_step):
    get_began()
    if base:  # also what went on while nobody looked
        watch(
            UNDER_WAY.get(base.uuid, "run"),
            set_step,
            lambda: set_ended(lambda number: number + 1),
        )


@app.cell
def _(base, get_star, place):
    get_star()
    star = place.client.star_metric(base.uuid) if base else StarMetric(name="ndcg@10")
    star_name = mo.ui.dropdown(list(METRICS), value=star.name, label="Star metric", full_width=True)
    star_threshold = mo.ui.number(
        value=star.success_threshold,
        step=0.001,
        label="Good enough from (costs: up to)",
        full_width=True,
    )
    save_star = mo.ui.run_button(label="Judge by this")
    return save_star, star, star_name, star_threshold


@app.cell
def _(base, save_star, star_name, star_threshold):
    card(
        "What runs are judged by",
        mo.vstack(
            [
                fields([star_name, star_threshold]),
                save_star,
                tune_view.hint(
                    f"In CI: kb eval run {base.name} --gate star exits with 1 when it is not good"
                    " enough, or has fallen since the run before by more than its noise."
                ),
            ]
        ),
    ) if base else None


@app.cell
def _(base, place, save_star, set_said, set_star, star_name, star_threshold):
    if base and save_star.value:
        try:
            _kept = place.client.set_star_metric(
                base.uuid,
                StarMetric(name=star_name.value, success_threshold=star_threshold.value),
            )
            set_said(notice("Kept.", evaluate_view.judged_by(_kept)))
            set_star(lambda number: number + 1)
        except ServiceError as _error:
            set_said(problem(_error))


@app.cell
def _(get_said):
    get_said()


@app.cell
def _(base, place):
    datasets = place.client.datasets(base.uuid) if base else []
    _names = {f"{one.name} ({one.questions} questions)": one for one in datasets}
    choose_dataset = mo.ui.dropdown(
        _names, value=next(reversed(_names), None), label="Questions", full_width=True
    )
    versions = place.client.index_versions(base.uuid) if base else []
    _numbers = {f"{one.number}{' (live)' if one.is_live else ''}": one for one in versions}
    choose_version = mo.ui.dropdown(
        _numbers,
        value=next((name for name, one in _numbers.items() if one.is_live), None),
        label="Index version",
        full_width=True,
    )
    run_alpha = mo.ui.text(
        "", label="Alpha (empty: as usual)", placeholder="0 to 1", full_width=True
    )
    run_now = mo.ui.run_button(label="Ask all questions now", kind="success")
    _shown = None
    if base and datasets:
        _shown = card(
            "A new run", mo.vstack([fields([choose_dataset, choose_version, run_alpha]), run_now])
        )
    elif base:
        _shown = notice(
            "There are no questions yet.",
            "Add some in the Tune view, or with kb eval add.",
        )
    _shown
    return choose_dataset, choose_version, run_alpha, run_now


@app.cell
def _(base, choose_dataset, choose_version, place, run_alpha, run_now, set_began, set_said):
    if base and run_now.value:
        set_said(
            begin(
                base.uuid,
                "run",
                lambda: running(
                    place,
                    base.uuid,
                    dataset=choose_dataset.value.uuid,
                    version=choose_version.value.uuid,
                    alpha=run_alpha.value,
                ),
                lambda: set_began(lambda number: number + 1),
            )
        )


@app.cell
def _(base, get_step):
    stop = mo.ui.button(
        label="Stop waiting", on_click=lambda _: UNDER_WAY.get(base.uuid, "run").stop()
    )
    mo.vstack([tune_view.progress_view(get_step()), stop]) if get_step() else None


@app.cell
def _(base, get_ended, place):
    get_ended()
    _work = UNDER_WAY.get(base.uuid, "run") if base else None
    runs = place.client.runs(base.uuid) if base else []
    notice("The run has failed.", _work.error) if _work is not None and _work.error else None
    return (runs,)


@app.cell
def _(base, runs, star):
    done = [one for one in runs if one.status == "done"]
    _shown = None
    if base and not runs:
        _shown = notice(
            "Nothing has been run yet.",
            "Ask all questions once; each later run is held against the one before.",
        )
    elif base:
        _parts = []
        if any(star.name in one.metrics for one in done):
            _parts.append(over_time(done, star=star.name, threshold=star.success_threshold))
        else:
            _parts.append(
                tune_view.hint(f"No run has a figure of {star.name}; another metric may do.")
            )
        _parts.append(evaluate_view.runs_view(runs, star))
        _shown = card("Runs over time", mo.vstack(_parts))
    _shown
    return (done,)


@app.cell
def _(done):
    _names = {evaluate_view.run_name(one): one for one in done}
    before = mo.ui.dropdown(
        _names, value=list(_names)[1] if len(_names) > 1 else None, label="Before", full_width=True
    )
    after = mo.ui.dropdown(_names, value=next(iter(_names), None), label="After", full_width=True)
    return after, before


@app.cell
def _(after, base, before, done, place, star):
    _shown = None
    if base and len(done) > 1:
        _parts = [fields([before, after])]
        if before.value is not None and after.value is not None:
            try:
                _name = star.name if star.name in after.value.metrics else None
                _star = place.client.compare(
                    base.uuid, before.value.uuid, after.value.uuid, star=_name
                ).star
                _found = differences(
                    place.client.results(base.uuid, before.value.uuid),
                    place.client.results(base.uuid, after.value.uuid),
                    star=_star,
                )
                _parts += [
                    evaluate_view.changes_view(_found.comparison),
                    tune_view.differences_view(_found, star=_star),
                ]
            except ServiceError as _error:
                _parts.append(problem(_error))
        _shown = card("Two runs compared", mo.vstack(_parts))
    _shown


@app.cell
def _(base, choose_dataset, place, star):
    _shown = None
    if base:
        _path = f"/v2/gen-ai/knowledge_bases/{base.uuid}"
        _parts = [
            show_snippets(
                "The star metric from code",
                snippets.call(
                    place.shown_url,
                    "PUT",
                    f"{_path}/star_metric",
                    {"name": star.name, "success_threshold": star.success_threshold},
                ),
            )
        ]
        if choose_dataset.value is not None:
            _parts.append(
                show_snippets(
                    "A run from code",
                    snippets.call(
                        place.shown_url,
                        "POST",
                        f"{_path}/evaluation_runs",
                        {"evaluation_dataset_uuid": str(choose_dataset.value.uuid)},
                    ),
                )
            )
        _shown = mo.vstack(_parts)
    _shown


if __name__ == "__main__":
    app.run()
