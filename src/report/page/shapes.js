// Shapes and colours: what happens at one place. Kind by shape, so that colour alone means nothing.

let colours = {};

// The colours of the sheet, read again when the theme changes.
function readColours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["ink", "faint", "line", "ground", "raised", "danger", "doubt", "doubt-line", "boot", "cited", "accent",
    "band", "client", "m0", "m1", "m2", "m3", "m4"];
  colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue("--" + name).trim()]));
}

const FONT = "11px ui-sans-serif, system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
const MONO = "10.5px ui-monospace, 'SF Mono', 'DejaVu Sans Mono', monospace";

// The colour of a message: by its label; beyond five, dashes tell them apart.
function messageColour(i) {
  if (isClient(E.who[i]) || isClient(E.peer[i])) return colours.client;
  return colours["m" + (E.label[i] % 5)];
}

function drawShape(pen, i, x, y) {
  const code = codeOf(i).split("(")[0];
  const outline = (fill) => {
    pen.fillStyle = fill ? pen.strokeStyle : colours.ground;
    pen.fill();
    pen.stroke();
  };
  pen.lineWidth = 1.4;
  pen.strokeStyle = colours.ink;
  pen.setLineDash([]);
  pen.beginPath();
  switch (code) {
    case "Send": case "Reply": case "Deliver": case "Invoke": case "End":
      pen.strokeStyle = code === "Deliver" && E.sent[i] >= 0 ? messageColour(E.sent[i]) : messageColour(i);
      pen.arc(x, y, 4, 0, 7);
      return outline(code === "Send" || code === "Reply" || code === "Invoke");
    case "Force": case "Sync": case "Write": case "FileWrite": case "Durable": case "Synced":
      pen.rect(x - 4, y - 4, 8, 8);
      outline(code === "Durable" || code === "Synced");
      if (code === "Force" || code === "Sync") {
        pen.fillStyle = colours.ink;
        pen.fillRect(x - 2, y - 2, 4, 4);
      }
      return;
    case "Step":
      pen.strokeStyle = colours.faint;
      pen.moveTo(x, y - 3.4); pen.lineTo(x + 3.4, y); pen.lineTo(x, y + 3.4); pen.lineTo(x - 3.4, y); pen.closePath();
      return outline(true);
    case "Timer":
      pen.arc(x, y, 5, 0, 7);
      outline(false);
      pen.beginPath();
      pen.moveTo(x, y - 3.4); pen.lineTo(x, y); pen.lineTo(x + 2.6, y);
      return pen.stroke();
    case "Crash":
      pen.strokeStyle = colours.danger;
      pen.lineWidth = 3.2;
      pen.moveTo(x - 6, y - 6); pen.lineTo(x + 6, y + 6); pen.moveTo(x + 6, y - 6); pen.lineTo(x - 6, y + 6);
      return pen.stroke();
    case "Boot":
      pen.strokeStyle = colours.boot;
      pen.moveTo(x, y - 6); pen.lineTo(x + 6, y + 5); pen.lineTo(x - 6, y + 5); pen.closePath();
      return outline(true);
    case "Lose":
      pen.strokeStyle = messageColour(E.sent[i] >= 0 ? E.sent[i] : i);
      pen.lineWidth = 2;
      pen.moveTo(x - 3.5, y - 3.5); pen.lineTo(x + 3.5, y + 3.5); pen.moveTo(x + 3.5, y - 3.5); pen.lineTo(x - 3.5, y + 3.5);
      return pen.stroke();
    default:
      pen.fillStyle = colours.ink;
      pen.font = "13px system-ui, 'DejaVu Sans', sans-serif";
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillText(E.kinds[E.kind[i]].symbol, x, y);
  }
}

// Texts of one frame: one that would cover another is left out.
class Labels {
  constructor(pen) { this.pen = pen; this.boxes = []; this.waiting = []; }

  // Draws what was to come last, on top of everything.
  finish() { for (const draw of this.waiting) draw(); this.waiting = []; }

  place(text, x, y, { align = "left", font = FONT, colour = colours.ink, plate = false, must = false, last = false } = {}) {
    const pen = this.pen;
    pen.font = font;
    const width = pen.measureText(text).width;
    const left = align === "center" ? x - width / 2 : align === "right" ? x - width : x;
    const box = [left - 3, y - 7, left + width + 3, y + 7];
    const covers = this.boxes.some((b) => box[0] < b[2] && b[0] < box[2] && box[1] < b[3] && b[1] < box[3]);
    if (covers && !must) return false;
    this.boxes.push(box);
    const draw = () => {
      pen.font = font;
      pen.globalAlpha *= plate ? 1 : 0.86;
      pen.fillStyle = plate || colours.ground;
      pen.fillRect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
      pen.globalAlpha /= plate ? 1 : 0.86;
      pen.fillStyle = colour;
      pen.textAlign = "left";
      pen.textBaseline = "middle";
      pen.fillText(text, left, y + 0.5);
    };
    if (last) this.waiting.push(draw); else draw();
    return true;
  }
}
