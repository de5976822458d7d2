// Tables of any length: only the rows that are seen exist, and say which rows they are.
//
//   scroller ── table ── space as high as the rows before · rows · space for those after
//
// The table of events is the twin of the diagram: whoever cannot see one has the other.

const ROW_HEIGHT = 28;

class LongTable {
  // `cells(k)` gives the texts or elements of row k; `choose(k)` is called when it is chosen.
  constructor(scroller, head, name, cells, choose) {
    Object.assign(this, { scroller, cells, choose, count: 0, chosen: -1, first: -1, last: -1 });
    this.body = element("tbody");
    const heads = head.map((text, place) => element("th", { scope: "col", class: "c" + place }, text));
    this.table = element("table", { class: "long", "aria-label": name }, element("thead", {}, element("tr", { "aria-rowindex": 1 }, ...heads)), this.body);
    this.columns = head.length;
    scroller.append(this.table);
    scroller.addEventListener("scroll", () => this.fill(), { passive: true });
    this.body.addEventListener("click", (event) => {
      const row = event.target.closest("tr[data-row]");
      if (row && !event.target.closest("button")) this.choose(Number(row.dataset.row));
    });
    scroller.addEventListener("keydown", (event) => this.onKey(event));
  }

  show(count, chosen) {
    this.count = count;
    this.chosen = chosen;
    this.table.setAttribute("aria-rowcount", count + 1);
    this.first = -1;
    this.fill();
  }

  fill() {
    const top = this.scroller.scrollTop, room = this.scroller.clientHeight;
    const first = Math.max(0, Math.floor(top / ROW_HEIGHT) - 8);
    const last = Math.min(this.count, Math.ceil((top + room) / ROW_HEIGHT) + 8);
    if (first === this.first && last === this.last) return;
    const focused = this.body.contains(document.activeElement);
    [this.first, this.last] = [first, last];
    const rows = [this.space(first)];
    for (let k = first; k < last; k++) rows.push(this.row(k));
    rows.push(this.space(this.count - last));
    this.body.replaceChildren(...rows);
    if (focused) this.focus();
  }

  space(rows) {
    const cell = element("td", { colspan: this.columns });
    cell.style.height = rows * ROW_HEIGHT + "px";
    return element("tr", { class: "space", "aria-hidden": "true" }, cell);
  }

  row(k) {
    const { cells, classes = "", key = "" } = this.cells(k), isChosen = k === this.chosen;
    const made = cells.map((cell, place) => element("td", { class: "c" + place }, cell));
    const tabbable = isChosen || this.chosen < 0 && k === 0;
    return element("tr", {
      "data-row": k, "data-key": key, "aria-rowindex": k + 2, "aria-selected": isChosen ? "true" : "false",
      tabindex: tabbable ? "0" : "-1", class: classes,
    }, ...made);
  }

  // Makes a row the chosen one and scrolls to it.
  point(k) {
    this.chosen = k;
    this.first = -1;
    if (k >= 0) {
      const y = k * ROW_HEIGHT, { scrollTop, clientHeight } = this.scroller;
      if (y < scrollTop || y + 2 * ROW_HEIGHT > scrollTop + clientHeight) this.scroller.scrollTop = y - clientHeight / 2;
    }
    this.fill();
  }

  focus() {
    const row = this.body.querySelector("tr[aria-selected=true]");
    if (row) row.focus({ preventScroll: true });
  }

  onKey(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined || event.ctrlKey || event.altKey || !event.target.closest("tr[data-row]")) return;
    event.preventDefault();
    event.stopPropagation();
    const k = Math.max(0, Math.min(this.count - 1, (this.chosen < 0 ? -1 : this.chosen) + step));
    this.choose(k);
    this.focus();
  }
}

const eventTable = new LongTable(byId("rows"), ["#", "time", "where", "kind", "what"], "Events of the run", (k) => {
  const i = diagram.shown[k], classes = [];
  if (E.cited[i]) classes.push("cited");
  if (codeOf(i) === "Crash" || isLoss(i)) classes.push("bad");
  if (view.q && search(view.q).marks[i]) classes.push("found");
  const kind = E.kinds[E.kind[i]];
  const fate = E.copy[i] ? " (copy)" : E.late[i] ? " (late)" : "";
  return {
    key: numberOf(i), classes: classes.join(" "),
    cells: [String(numberOf(i)), instant(E.at[i]), wayOf(i) || "everywhere", `${kind.symbol} ${kind.name}${fate}`, textOf(i)],
  };
}, (k) => change({ e: diagram.shown[k] }, "table"));

// The row of an event among those that are shown; −1 when it is hidden.
function rowOf(i) {
  const place = lowerBound(diagram.shown, i);
  return diagram.shown[place] === i ? place : -1;
}
