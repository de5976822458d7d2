// Panels beside the diagram: the selected event, states, operations, checks, charts, the scenario.
//
//   view.tab ──▶ one panel is filled, when it is shown and what it shows has changed

const panel = byId("panel");
let operationTable = null;

const panels = { event: showEvent, state: () => showState(panel), operations: showOperations, checks: showChecks, charts: showCharts, scenario: showScenario };

function showPanel() {
  for (const tab of document.querySelectorAll("[role=tab]")) {
    const isHere = tab.dataset.tab === view.tab;
    tab.setAttribute("aria-selected", isHere ? "true" : "false");
    tab.tabIndex = isHere ? 0 : -1;
  }
  panel.setAttribute("aria-labelledby", "tab-" + view.tab);
  const stage = document.querySelector(".stage").classList;
  stage.toggle("wide", ["operations", "scenario"].includes(view.tab));
  stage.toggle("pictures", view.tab === "charts");
  panels[view.tab]();
}

function fact(list, name, ...what) {
  list.append(element("dt", {}, name), element("dd", {}, ...what));
}

function eventLine(i) {
  return element("li", {}, eventButton(i), ` ${instant(E.at[i], 3)} ${wayOf(i)} `, element("span", { class: "words" }, clip(textOf(i), 120)));
}

function showEvent() {
  const i = view.e;
  if (i < 0) return panel.replaceChildren(element("p", { class: "note" }, "Choose an event: click in the diagram, choose a row of the table, or press j."));
  const list = element("dl"), kind = E.kinds[E.kind[i]], cone = coneOf(i), count = [0, 0, 0, 0];
  for (let j = 0; j < E.n; j++) count[cone[j]]++;
  fact(list, "Event", `#${numberOf(i)} of ${data.about.total}, ${instant(E.at[i])}`);
  fact(list, "What", `${kind.symbol} ${kind.name}${E.copy[i] ? ", a copy" : ""}${E.late[i] ? ", late: its receiver had given up" : ""}`);
  fact(list, "Where", wayOf(i) || "everywhere");
  fact(list, "Words", element("code", {}, textOf(i)));
  if (E.sent[i] >= 0) fact(list, "On its way", span(E.at[i] - E.at[E.sent[i]]));
  const rule = background.rules.find((one) => one.events.includes(numberOf(i)));
  if (rule) fact(list, "Rule", element("button", { type: "button", class: "link", on: { click: () => change({ tab: "scenario" }) } }, `${rule.id} (line ${rule.lines ? rule.lines[0] : "?"})`));
  const causes = [E.cause[i], E.sent[i]].filter((c, place, all) => c >= 0 && all.indexOf(c) === place), effects = effectsOf(i);
  const parts = [list, element("h3", {}, "Because of"), causes.length ? element("ul", { class: "plain" }, ...causes.map(eventLine)) : element("p", {}, "nothing that is told here"),
    element("h3", {}, "Brought about"), effects.length ? element("ul", { class: "plain" }, ...effects.map(eventLine)) : element("p", {}, "nothing")];
  const cones = [["past", `Past: ${count[1]}`, "what it could know of"], ["future", `Future: ${count[2]}`, "what could know of it"], ["concurrent", `Neither: ${count[0]}`, "what neither knew of the other"]];
  parts.push(element("h3", {}, "Causes and consequences"), element("p", { class: "bar", role: "group" }, ...cones.map(([name, text, title]) =>
    element("button", { type: "button", title, "data-cone": name, "aria-pressed": view.cone === name ? "true" : "false", on: { click: () => change({ cone: view.cone === name ? "" : name }) } }, text))));
  parts.push(element("p", { class: "bar" }, copyButton("Copy link", () => location.href), copyButton("Copy replay", () => `splitbrain replay ${data.about.name}@${data.about.seed} --to ${numberOf(i)}`)));
  panel.replaceChildren(...parts);
}

function copyButton(name, text) {
  return element("button", { type: "button", on: { click: (event) => {
    const done = () => say(`copied: ${text()}`);
    if (navigator.clipboard) navigator.clipboard.writeText(text()).then(done, () => say(text()));
    else say(text());
    event.target.textContent = name + " ✓";
  } } }, name);
}

function showOperations() {
  const all = background.operations, scroller = element("div", { class: "long-box", tabindex: "-1" });
  const counts = {};
  for (const one of all) counts[one.fate] = (counts[one.fate] || 0) + 1;
  const summary = Object.entries(counts).map(([fate, count]) => `${count} ${fate}`).join(" · ") || "nobody asked for anything";
  panel.replaceChildren(element("p", { class: "bar" }, summary), scroller);
  operationTable = new LongTable(scroller, ["op", "client", "asked", "took", "what", "came of it"], "Operations", (k) => {
    const one = all[k];
    return { key: one.op, classes: one.fate === "ok" ? "" : one.fate === "not done" ? "found" : "bad", cells: [one.op, ends[one.client].name + " → " + ends[one.node].name, instant(one.since, 3), one.until === null ? "open" : span(one.until - one.since), one.what, one.ending] };
  }, (k) => { operationTable.point(k); if (isTold(indexOf(all[k].event))) change({ e: indexOf(all[k].event) }, "operations"); });
  operationTable.show(all.length, all.findIndex((one) => view.e >= 0 && one.event === numberOf(view.e)));
}

function showChecks() {
  const rows = background.checks.map((check) => {
    const evidence = check.citations.filter((one) => isTold(indexOf(one.event)));
    const list = element("ul", { class: "plain" }, ...evidence.map((one) => element("li", {}, eventButton(indexOf(one.event)), " " + one.says)));
    return element("tr", { class: check.verdict }, element("th", { scope: "row" }, check.property), element("td", {}, check.verdict.replace("_", " ")), element("td", {}, check.note, list));
  });
  panel.replaceChildren(element("table", { class: "checks" }, element("tbody", {}, ...rows)));
}

function showCharts() {
  const figures = data.charts.map((chart) => {
    // Words in a picture that is squeezed cannot be read: a narrow one can be scrolled, and its finding stands above it.
    const picture = element("div", { class: "picture", tabindex: 0, role: "group", "aria-label": chart.name }, element("img", { src: "data:image/svg+xml;charset=utf-8," + encodeURIComponent(chart.svg), alt: chart.title, "data-chart": chart.name }));
    const details = element("details", {}, element("summary", {}, "The numbers"));
    details.addEventListener("toggle", () => { if (details.open && details.children.length === 1) details.append(tableOf(chart.csv, chart.rows)); });
    return element("figure", {}, element("figcaption", { "aria-hidden": "true" }, chart.title), picture, details);
  });
  panel.replaceChildren(...figures);
}

function tableOf(csv, total) {
  const lines = csv.trim().split("\n").map((line) => [...line.matchAll(/("(?:[^"]|"")*"|[^,]*)(,|$)/g)].slice(0, -1).map((cell) => cell[1].replace(/^"|"$/g, "").replace(/""/g, '"')));
  if (!csv.trim().endsWith(",")) for (const line of lines) while (line.length > lines[0].length) line.pop();
  const row = (cells, tag) => element("tr", {}, ...cells.map((cell) => element(tag, {}, cell)));
  const body = lines.slice(1).map((cells) => row(cells, "td"));
  const more = total > body.length ? [element("caption", {}, `the first ${body.length} of ${total} rows`)] : [];
  return element("table", { class: "numbers" }, ...more, element("thead", {}, row(lines[0] || [], "th")), element("tbody", {}, ...body));
}

function showScenario() {
  const lines = data.scenario.split("\n"), list = element("ol", { class: "source" });
  const here = background.rules.find((one) => view.e >= 0 && one.events.includes(numberOf(view.e)));
  lines.forEach((text, place) => {
    const rules = background.rules.filter((rule) => rule.lines && rule.lines[0] <= place + 1 && place + 1 <= rule.lines[1]);
    const item = element("li", { class: rules.length ? "rule" : "", "data-line": place + 1 }, element("code", {}, text || " "));
    for (const rule of rules.filter((one) => one.lines[0] === place + 1)) {
      const told = rule.events.filter((event) => isTold(indexOf(event)));
      const what = `${rule.class}: fired ${rule.fired}, with ${rule.effects} ${rule.effects === 1 ? "effect" : "effects"} `;
      item.append(element("p", { class: "fired" }, what, ...told.slice(0, 40).map((event) => eventButton(indexOf(event)))));
    }
    if (here && rules.includes(here)) item.classList.add("here");
    list.append(item);
  });
  panel.replaceChildren(list);
  const marked_ = list.querySelector(".here");
  if (marked_) marked_.scrollIntoView({ block: "nearest" });
}
