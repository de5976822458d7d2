// The page: what the reader does becomes a change of the view, and a change is shown everywhere.

const live = byId("live");
let hush = 0;

function say(text) {
  clearTimeout(hush);
  hush = setTimeout(() => { live.textContent = text; }, 60);
}

listeners.push((changes, source) => {
  const has = (...keys) => keys.some((key) => key in changes);
  if (has("f", "q", "only", "r", "hide", "kinds", "s", "z")) {
    syncFilters();
    layOut();
    paintMinimap();
    eventTable.show(diagram.shown.length, view.e >= 0 ? rowOf(view.e) : -1);
  }
  if (has("e") || has("cone")) diagram.cone = view.e >= 0 && view.cone ? coneOf(view.e) : null;
  if (has("e") && view.e >= 0) {
    if (source !== "diagram") reveal(view.e, source === "first" ? 0.16 : 0.5);
    eventTable.point(rowOf(view.e));
    say(`event ${numberOf(view.e)} of ${data.about.total}, ${instant(E.at[view.e])}, ${wayOf(view.e)} ${textOf(view.e)}`);
  }
  if (!(source === "operations" && view.tab === "operations")) showPanel();
  syncScrub();
  redraw();
});

function syncFilters() {
  const set = (id, value) => { if (byId(id).value !== value) byId(id).value = value; };
  set("search", view.q);
  set("focus", view.f);
  set("scale", view.s);
  byId("only").checked = Boolean(view.only);
  byId("repeats").checked = Boolean(view.r);
  for (const box of document.querySelectorAll("#nodes input")) box.checked = !view.hide.includes(Number(box.value));
  for (const box of document.querySelectorAll("#kinds input")) box.checked = !view.kinds.includes(box.value);
}

function syncScrub() {
  const { shown } = diagram, row = view.e >= 0 ? rowOf(view.e) : -1;
  byId("scrub").max = Math.max(0, shown.length - 1);
  byId("scrub").value = Math.max(0, row);
  byId("position").textContent = view.e < 0 ? "no event chosen" : `#${numberOf(view.e)} · ${instant(E.at[view.e])}`;
  const found = view.q ? search(view.q).places.length : 0;
  byId("found").textContent = view.q ? `${found} found` : "";
  const all = data.about.total, rest = all - E.n;
  byId("count").textContent = shown.length === all ? `all ${all} events` : `${shown.length} of ${all} events`;
  byId("everything").hidden = shown.length === E.n;
  byId("window").hidden = rest === 0;
  if (rest) byId("window").textContent = `Details of #${E.first} to #${E.first + E.n - 1} only, around what is violated; the overview above counts all ${all} events.`;
}

// Steps among the events that are shown.
function step(by, fits = () => true) {
  const { shown } = diagram;
  if (!shown.length) return;
  let row = view.e >= 0 ? rowOf(view.e) : by > 0 ? -1 : shown.length;
  if (row < 0 && view.e >= 0) row = lowerBound(shown, view.e) - (by > 0 ? 1 : 0);
  for (row += by; row >= 0 && row < shown.length; row += by) if (fits(shown[row])) return change({ e: shown[row] });
}

// Goes to the next of some places, around the end.
function next(places, by) {
  if (!places.length) return say("nothing found");
  const here = view.e < 0 ? (by > 0 ? -1 : E.n) : view.e;
  const later = by > 0 ? places.find((i) => i > here) : [...places].reverse().find((i) => i < here);
  change({ e: later ?? (by > 0 ? places[0] : places[places.length - 1]) });
}

const citedPlaces = [...E.cited.keys()].filter((i) => E.cited[i]);
const zoomBy = (factor) => change({ z: Math.min(64, Math.max(0.25, view.z * factor)) });

function fit() {
  change({ s: "time", z: 1 });
}

const keys = {
  j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
  l: () => step(1, (i) => view.e < 0 || E.who[i] === E.who[view.e]), h: () => step(-1, (i) => view.e < 0 || E.who[i] === E.who[view.e]),
  n: () => next(search(view.q).places, 1), N: () => next(search(view.q).places, -1),
  v: () => next(citedPlaces, 1), V: () => next(citedPlaces, -1),
  f: () => change({ cone: view.cone === "past" ? "" : "past" }), F: () => change({ cone: view.cone === "future" ? "" : "future" }),
  c: () => change({ cone: view.cone === "concurrent" ? "" : "concurrent" }),
  x: () => { if (view.e >= 0 && !isEverywhere(view.e)) change({ hide: [...view.hide, E.who[view.e]] }); },
  a: () => change({ f: "", r: "1", only: "", hide: [], kinds: [] }), s: () => change({ tab: "state" }),
  "+": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), 0: fit, 1: () => change({ s: "hybrid", z: 1 }),
  "/": () => byId("search").focus(), "?": () => byId("help").showModal(),
  Escape: () => change({ q: "", cone: "", only: "" }),
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  if (event.target.matches("input:not([type=checkbox]):not([type=range]), select, textarea")) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (event.target.matches("[role=tab]") && ["ArrowLeft", "ArrowRight"].includes(event.key)) {
    const tabs = [...document.querySelectorAll("[role=tab]")], step_ = event.key === "ArrowRight" ? 1 : tabs.length - 1;
    const tab = tabs[(tabs.indexOf(event.target) + step_) % tabs.length];
    change({ tab: tab.dataset.tab });
    return tab.focus();
  }
  if (event.target.matches("button, input, summary, a") && ["Enter", " ", "ArrowDown", "ArrowUp"].includes(event.key)) return;
  const act = keys[event.key];
  if (act) { event.preventDefault(); act(); }
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-event]");
  if (!button) return;
  const i = indexOf(Number(button.dataset.event));
  if (isTold(i)) change({ e: i });
});

function checkbox(value, text, isOn, on) {
  return element("label", { class: "box" }, element("input", { type: "checkbox", value, checked: isOn, on: { change: on } }), " " + text);
}

function fillFilters() {
  const chosen = (id) => [...document.querySelectorAll(`#${id} input`)].filter((box) => !box.checked).map((box) => box.value);
  ends.forEach((end, place) => byId("nodes").append(checkbox(place, end.name, true, () => change({ hide: chosen("nodes").map(Number) }))));
  const kinds = new Map(E.kinds.map((kind) => [kind.code.split("(")[0], kind]));
  for (const [code, kind] of kinds) byId("kinds").append(checkbox(code, `${kind.symbol} ${kind.name}${code === "Reply" ? " (answer)" : ""}`, true, () => change({ kinds: chosen("kinds") })));
  byId("search").addEventListener("input", (event) => change({ q: event.target.value }));
  byId("search").addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); next(search(view.q).places, event.shiftKey ? -1 : 1); } });
  byId("focus").addEventListener("change", (event) => change({ f: event.target.value }));
  byId("only").addEventListener("change", (event) => change({ only: event.target.checked ? "1" : "" }));
  byId("repeats").addEventListener("change", (event) => change({ r: event.target.checked ? "1" : "" }));
  byId("scale").addEventListener("change", (event) => change({ s: event.target.value, z: 1 }));
  byId("everything").addEventListener("click", keys.a);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("scrub").addEventListener("input", (event) => { const i = diagram.shown[Number(event.target.value)]; if (i !== undefined) change({ e: i }); });
  for (const [id, act] of [["first", () => change({ e: diagram.shown[0] ?? -1 })], ["back", keys.k], ["forth", keys.j], ["last", () => change({ e: diagram.shown[diagram.shown.length - 1] ?? -1 })], ["zoom-in", keys["+"]], ["zoom-out", keys["-"]], ["fit", fit], ["next", keys.n], ["previous", keys.N]]) byId(id).addEventListener("click", act);
  for (const tab of document.querySelectorAll("[role=tab]")) tab.addEventListener("click", () => change({ tab: tab.dataset.tab }));
  byId("help-button").addEventListener("click", keys["?"]);
  byId("help-close").addEventListener("click", () => byId("help").close());
}

function bindDiagram() {
  const { scroller, canvas } = diagram, card = byId("card");
  const at = (event) => { const box = canvas.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  scroller.addEventListener("scroll", redraw, { passive: true });
  scroller.addEventListener("click", (event) => { const i = hit(...at(event)); if (i >= 0) change({ e: i }, "diagram"); });
  scroller.addEventListener("pointermove", (event) => {
    const [x, y] = at(event), i = hit(x, y);
    card.hidden = i < 0;
    if (i < 0) return;
    const way = E.sent[i] >= 0 ? `, ${span(E.at[i] - E.at[E.sent[i]])} on its way` : "";
    card.textContent = `#${numberOf(i)} ${instant(E.at[i])} ${wayOf(i)} ${E.kinds[E.kind[i]].name}${way}\n${clip(textOf(i), 240)}`;
    card.style.left = Math.min(x + 16, scroller.clientWidth - 260) + "px";
    card.style.top = y + 18 + "px";
  });
  scroller.addEventListener("pointerleave", () => { card.hidden = true; });
  scroller.addEventListener("wheel", (event) => { if (event.ctrlKey) { event.preventDefault(); zoomBy(event.deltaY < 0 ? 1.2 : 1 / 1.2); } }, { passive: false });
  minimap.canvas.addEventListener("pointerdown", (event) => { minimap.canvas.setPointerCapture(event.pointerId); followPointer(event); });
  minimap.canvas.addEventListener("pointermove", (event) => { if (event.buttons) followPointer(event); });
  new ResizeObserver(() => { layOut(); paintMinimap(); eventTable.fill(); }).observe(scroller);
}

function bindTheme() {
  const root = document.documentElement, themes = ["auto", "light", "dark"];
  const kept = (value) => { try { if (value === undefined) return localStorage.getItem("splitbrain-theme"); localStorage.setItem("splitbrain-theme", value); } catch { /* no storage here */ } return null; };
  const use = (theme) => {
    root.dataset.theme = theme;
    byId("theme").textContent = "Theme: " + theme;
    readColours();
    hatching = null;
    if (diagram.scale) { paintMinimap(); redraw(); }
  };
  use(themes.includes(kept()) ? kept() : "auto");
  byId("theme").addEventListener("click", () => { const theme = themes[(themes.indexOf(root.dataset.theme) + 1) % 3]; kept(theme); use(theme); });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => use(root.dataset.theme));
}

bindTheme();
fillFilters();
Object.assign(view, readAddress());
if (view.e < 0 && !location.hash && citedPlaces.length) view.e = citedPlaces[0];
bindDiagram();
change({ ...view }, "first");
window.addEventListener("hashchange", () => change(readAddress(), "address"));

// For those who test what is drawn: where things stand, in the numbers of events.
window.__sb = {
  layout: () => ({
    shown: [...diagram.shown].map(numberOf), y: [...diagram.shown].map((i) => diagram.scale.y[i]),
    strips: diagram.order.flatMap((end) => strips.filter((strip) => strip.node === end)).map((strip) => ({ node: ends[strip.node].name, about: strip.about, since: strip.since, until: strip.until, y0: yAt(diagram.scale, strip.since), y1: yAt(diagram.scale, strip.until) })),
    drawn: diagram.drawn.map((strip) => ({ node: ends[strip.node].name, about: strip.about, since: Math.round(atY(diagram.scale, strip.y0)), until: Math.round(atY(diagram.scale, strip.y1)) })),
    arrows: diagram.arrows.list.map((arrow) => ({ sent: numberOf(arrow.sent), arrival: numberOf(arrow.arrival), kind: arrow.kind, y0: arrow.y0, y1: arrow.y1 })),
    columns: diagram.order.map((end) => ends[end].name),
  }),
  bars: () => minimap.bars,
  view, cone: (event) => [...coneOf(indexOf(event))], paint, overview: data.overview,
  found: () => search(view.q).places.map(numberOf),
  xOf: (name) => diagram.column[ends.findIndex((end) => end.name === name)] - diagram.scroller.scrollLeft,
  placeOf: (event) => isEverywhere(indexOf(event)) || isLoss(indexOf(event)) ? null : [xOf(indexOf(event)), diagram.scale.y[indexOf(event)]],
};
document.documentElement.dataset.ready = "yes";
