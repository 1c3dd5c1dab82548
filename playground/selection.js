// Text fields, as browsers let their words be selected with the mouse and, with Shift and the arrow
// keys, without one. Not `readOnly`: then the keys would move nothing.
function render({ model, el }) {
  const fields = model.get("texts").map((text, place) => {
    const title = model.get("titles")[place];
    const label = document.createElement("label");
    label.className = "kb-selectable-label";
    label.append(title);
    const field = document.createElement("textarea");
    field.setAttribute("aria-readonly", "true");
    field.spellcheck = false;
    field.addEventListener("beforeinput", (event) => event.preventDefault());
    field.className = "kb-selectable";
    field.value = text;
    const tell = () => {
      const words = field.value.slice(field.selectionStart, field.selectionEnd).trim();
      if (!words || (words === model.get("words") && place === model.get("place"))) return;
      model.set("place", place);
      model.set("words", words);
      model.save_changes();
      said.textContent = `Selected in passage ${place + 1}: ${words}`;
    };
    for (const event of ["mouseup", "touchend", "keyup", "select"]) {
      field.addEventListener(event, tell);
    }
    label.append(field);
    el.append(label);
    return field;
  });
  const said = document.createElement("p");
  said.className = "kb-selected";
  said.setAttribute("role", "status");
  el.append(said);
  const fit = () => {
    for (const field of fields) {
      field.style.height = "auto";
      field.style.height = `${field.scrollHeight + 2}px`;
    }
  };
  const sized = new ResizeObserver(fit);
  sized.observe(el);
  fit();
  return () => sized.disconnect();
}
export default { render };
