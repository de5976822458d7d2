// Words and elements: how times are written, and how anything gets into the page.
//
// Text goes in through textContent and attributes through setAttribute, here and nowhere else, so
// that a name which looks like markup stays a name.

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "on") for (const [event, handler] of Object.entries(value)) made.addEventListener(event, handler);
    else if (value !== undefined && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children) made.append(child);
  return made;
}

const byId = (id) => document.getElementById(id);

// An instant in seconds, to the microsecond.
function instant(ns, decimals = 6) {
  return (ns / 1e9).toFixed(decimals) + " s";
}

// A span in about three digits.
function span(ns) {
  const [unit, size] = ns >= 1e9 ? ["s", 1e9] : ns >= 1e6 ? ["ms", 1e6] : ns >= 1e3 ? ["µs", 1e3] : ["ns", 1];
  const value = ns / size;
  const decimals = size === 1 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  return value.toFixed(decimals) + " " + unit;
}

function clip(text, letters) {
  return text.length <= letters ? text : letters < 2 ? "" : text.slice(0, letters - 1) + "…";
}

// What a message, record or step is called: the word before its brackets.
const wordOf = (text) => text.split(/[ ({]/, 1)[0];

// From where to where, for people: `c → p1`.
function wayOf(i) {
  if (isEverywhere(i)) return "";
  const who = ends[E.who[i]].name, peer = ends[E.peer[i]].name;
  switch (codeOf(i).split("(")[0]) {
    case "Send": case "Reply": case "Invoke": case "Lose": return `${who} → ${peer}`;
    case "Deliver": case "End": return who === peer ? who : `${who} ← ${peer}`;
    default: return who;
  }
}

function eventButton(i, text) {
  return element("button", { type: "button", class: "event", "data-event": numberOf(i) }, text || "#" + numberOf(i));
}
