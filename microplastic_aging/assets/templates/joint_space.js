// Draws the map. Everything from the user's table is data and enters the page as text, never as markup.
const DATA = JSON.parse(document.getElementById("data").textContent);
const byId = id => document.getElementById(id);
const board = byId("map"), pen = board.getContext("2d");
const WIDTH = board.width, HEIGHT = board.height, N = DATA.names.length;

let at = 0;       // which map
let by = 0;       // which column gives the colour
let only = -1;    // label that stands out, -1 for all
let zoom = 1, dx = 0, dy = 0;
let seen = -1;    // sample under the pointer
let drag = null;

function make(tag, text) {
  const element = document.createElement(tag);
  element.textContent = text;
  return element;
}

function place(i) {
  const p = DATA.maps[at].xy[i], side = (HEIGHT - 40) * zoom;
  return [WIDTH / 2 + (p[0] - .5) * side + dx, HEIGHT / 2 - (p[1] - .5) * side + dy];
}

function color(i) {
  const column = DATA.columns[by];
  return column.colors[column.codes[i]] || DATA.nothing;
}

function standsOut(i) {
  return only < 0 || DATA.columns[by].codes[i] == only;
}

function dot(i, on) {
  const [x, y] = place(i);
  pen.globalAlpha = on ? .85 : .12;
  pen.fillStyle = color(i);
  pen.beginPath();
  pen.arc(x, y, 4, 0, 7);
  pen.fill();
}

function draw() {
  pen.clearRect(0, 0, WIDTH, HEIGHT);
  for (const front of [false, true])
    for (let i = 0; i < N; i++)
      if (standsOut(i) == front) dot(i, front);
  pen.globalAlpha = 1;
  if (seen >= 0) {
    const [x, y] = place(seen);
    pen.beginPath();
    pen.arc(x, y, 8, 0, 7);
    pen.stroke();
  }
}

function swatch(colour) {
  const element = make("i", "");
  element.style.background = colour;
  return element;
}

function legend() {
  const column = DATA.columns[by], box = byId("legend");
  box.replaceChildren();
  if (!column.labels) {
    box.append(column.low + " ", ...column.colors.map(swatch), " " + column.high);
  } else if (column.labels.length <= DATA.many) {
    column.labels.forEach((label, k) => {
      const entry = make("span", "");
      entry.append(swatch(column.colors[k]), label || "not known");
      box.append(entry);
    });
  } else {
    box.append(column.labels.length + " values: colours repeat, choose one to see it alone");
  }
  const options = (column.labels || []).map(label => make("option", label || "not known"));
  byId("only").replaceChildren(make("option", "all"), ...options);
  only = -1;
}

function line(column, i) {
  const value = column.labels ? column.labels[column.codes[i]] || "not known" : column.text[i];
  return make("div", column.name + ": " + value);
}

function drawThumb(i) {
  const thumbs = DATA.thumbs, thumb = byId("thumb");
  thumb.hidden = !(thumbs && thumbs.has[i]);
  if (thumb.hidden) return;
  const left = i % thumbs.columns * thumbs.size, top = Math.floor(i / thumbs.columns) * thumbs.size;
  thumb.getContext("2d").drawImage(
    byId("sheet"), left, top, thumbs.size, thumbs.size, 0, 0, thumb.width, thumb.height);
}

function show(i) {
  seen = i;
  const tip = byId("tip");
  tip.hidden = i < 0;
  if (i >= 0) {
    byId("row").replaceChildren(make("b", DATA.names[i]), ...DATA.columns.map(column => line(column, i)));
    drawThumb(i);
    const [x, y] = place(i), ratio = board.clientWidth / WIDTH;
    const left = Math.min(x * ratio + 14, board.clientWidth - tip.offsetWidth);
    tip.style.left = Math.max(0, left) + "px";
    tip.style.top = y * ratio + 14 + "px";
  }
  draw();
}

function spot(event) {
  const box = board.getBoundingClientRect();
  return [(event.clientX - box.left) * WIDTH / box.width, (event.clientY - box.top) * HEIGHT / box.height];
}

function nearest(x, y) {
  let best = -1, far = 144;
  for (let i = 0; i < N; i++) {
    if (!standsOut(i)) continue;
    const [a, b] = place(i), distance = (a - x) ** 2 + (b - y) ** 2;
    if (distance < far) {
      far = distance;
      best = i;
    }
  }
  return best;
}

function wholeMap() {
  zoom = 1;
  dx = dy = 0;
}

function chosen() {
  at = byId("which").selectedIndex;
  byId("axes").textContent = "across: " + DATA.maps[at].axes[0] + "; up: " + DATA.maps[at].axes[1];
  show(-1);
}

board.addEventListener("pointermove", event => {
  const [x, y] = spot(event);
  if (!drag) return show(nearest(x, y));
  dx += x - drag[0];
  dy += y - drag[1];
  drag = [x, y];
  show(-1);
});
board.addEventListener("pointerdown", event => { drag = spot(event); });
addEventListener("pointerup", () => { drag = null; });
board.addEventListener("pointerleave", () => { if (!drag) show(-1); });
board.addEventListener("wheel", event => {
  event.preventDefault();
  const [x, y] = spot(event), factor = Math.exp(-event.deltaY / 400);
  dx = x - WIDTH / 2 - (x - WIDTH / 2 - dx) * factor;
  dy = y - HEIGHT / 2 - (y - HEIGHT / 2 - dy) * factor;
  zoom *= factor;
  show(-1);
}, { passive: false });
board.addEventListener("dblclick", () => { wholeMap(); draw(); });
board.addEventListener("keydown", event => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  show(((seen < 0 && step < 0 ? 0 : seen) + step + N) % N);
});

DATA.maps.forEach(map => byId("which").append(make("option", map.name)));
DATA.columns.forEach(column => byId("by").append(make("option", column.name)));
byId("which").addEventListener("change", () => { wholeMap(); chosen(); });
byId("by").addEventListener("change", () => { by = byId("by").selectedIndex; legend(); show(-1); });
byId("only").addEventListener("change", () => { only = byId("only").selectedIndex - 1; show(-1); });
legend();
chosen();
