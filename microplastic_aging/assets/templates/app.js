// The page in the browser: drop files, watch work, change pairs, sort, copy. No other script is loaded.
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const screen = document.body.dataset.screen;
  const say = (words) => { $("said").textContent = words; };
  const wait = (ms) => new Promise((done) => setTimeout(done, ms));

  function complain(words) {
    const box = $("problem");
    if (!box) return say(words);
    const title = document.createElement("h2"), text = document.createElement("p");
    title.textContent = "This did not work";
    text.textContent = words;
    box.replaceChildren(title, text);
    box.hidden = false;
    box.scrollIntoView({ block: "nearest" });
  }

  async function problemOf(answer) {
    try { return (await answer.json()).problem; } catch { return `the server answered with ${answer.status}`; }
  }

  async function post(address, content) {
    const answer = await fetch(address, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) });
    if (!answer.ok) throw new Error(await problemOf(answer));
  }

  async function status() {
    const answer = await fetch("status");
    if (!answer.ok) throw new Error(await problemOf(answer));
    return answer.json();
  }

  // Files of a drop, folders opened: [file, name with folders]
  async function entryFiles(entry) {
    if (entry.isFile) {
      const file = await new Promise((done, failed) => entry.file(done, failed));
      return [[file, entry.fullPath.replace(/^\//, "")]];
    }
    const reader = entry.createReader(), found = [];
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return found;
      for (const one of some) found.push(...(await entryFiles(one)));
    }
  }

  async function droppedFiles(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
    if (!entries.length) return [...transfer.files].map((file) => [file, file.name]);
    const found = [];
    for (const entry of entries) found.push(...(await entryFiles(entry)));
    return found;
  }

  // A few at a time; the first refusal stops the others
  async function send(pairs) {
    const box = $("sending"), bar = $("sent"), stop = new AbortController();
    if (!pairs.length) return complain("no file was dropped");
    $("problem").hidden = true;
    box.hidden = false;
    bar.max = pairs.length;
    bar.value = 0;
    $("stop-sending").onclick = () => stop.abort();
    const todo = [...pairs];
    async function some() {
      while (todo.length) {
        const [file, name] = todo.shift();
        const answer = await fetch("files?name=" + encodeURIComponent(name), { method: "POST", body: file, signal: stop.signal, headers: { "Content-Type": "application/octet-stream" } });
        if (!answer.ok) throw new Error(await problemOf(answer));
        bar.value += 1;
        $("sending-words").textContent = `${bar.value} of ${pairs.length} files are taken over`;
      }
    }
    try {
      await Promise.all([some(), some(), some()]);
      await post("read", { scale_bar: $("scale-bar").value.trim() });
      location.reload();
    } catch (error) {
      stop.abort();
      box.hidden = true;
      await post("forget", {}).catch(() => {});
      if (error.name === "AbortError") say("Cancelled. Nothing was kept.");
      else complain(error.message);
    }
  }

  function startScreen() {
    const zone = $("drop");
    for (const kind of ["dragenter", "dragover"])
      document.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) zone.classList.remove("over"); });
    document.addEventListener("drop", async (event) => {
      event.preventDefault();
      zone.classList.remove("over");
      send(await droppedFiles(event.dataTransfer));
    });
    for (const id of ["choose-files", "choose-folder"])
      $(id).addEventListener("change", (event) => send([...event.target.files].map((file) => [file, file.webkitRelativePath || file.name])));
    (async () => {
      while (!$("warming").hidden) {
        await wait(700);
        $("warming").hidden = (await status()).ready;
      }
    })().catch(() => {});
  }

  // Look until the work has ended, or has something to show
  async function watch() {
    for (;;) {
      const now = await status();
      if (!now.open || (now.stage === "results" && screen === "working" && !location.pathname.includes("sample-"))) return location.reload();
      if (screen === "working") {
        const bar = $("bar");
        $("step").textContent = !now.ready ? "The model is being loaded" : now.before ? `Waiting: ${now.before} before this` : now.step || "Beginning";
        if (now.of) { bar.max = now.of; bar.value = now.done; } else bar.removeAttribute("value");
        $("count").textContent = now.of ? `${now.done} of ${now.of}` : "";
      }
      await wait(300);
    }
  }

  function pairsScreen() {
    const form = $("pairs");
    const cells = (line) => {
      const found = {};
      for (const field of line.querySelectorAll("[name]"))
        if (field.name === "kept") found.left_out = !field.checked; else found[field.name] = field.value;
      return found;
    };
    const before = [...form.querySelectorAll("tr[data-row]")].map((line) => [line, JSON.stringify(cells(line))]);
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const changes = {};
      for (const [line] of before) changes[line.dataset.row] = cells(line);
      try {
        await post("answer", { changes, scale_bar: form.dataset.scaleBar });
        location.replace("./");
      } catch (error) { complain(error.message); }
    });
  }

  const valueOf = (row, column) => row.children[column].textContent.trim();
  const asNumber = (text) => { const n = Number(text.replace("−", "-")); return text === "–" || Number.isNaN(n) ? null : n; };

  function compare(a, b) {
    const [x, y] = [asNumber(a), asNumber(b)];
    if (x !== null && y !== null) return x - y;
    if ((a === "–") !== (b === "–")) return a === "–" ? 1 : -1; // what is missing stands last
    return a.localeCompare(b, undefined, { numeric: true });
  }

  function sortable(table) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.textContent = head.textContent;
      head.replaceChildren(button);
      button.addEventListener("click", () => {
        const way = head.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", way);
        const rows = [...table.tBodies[0].rows];
        rows.sort((a, b) => (way === "ascending" ? 1 : -1) * compare(valueOf(a, column), valueOf(b, column)));
        table.tBodies[0].append(...rows);
        say(`Sorted by ${button.textContent}, ${way}`);
      });
    });
  }

  // A table is copied so that a spreadsheet takes it: cells between tabs
  function textOf(part) {
    const table = part.querySelector("table");
    if (!table) return part.innerText.trim();
    return [...table.rows].map((row) => [...row.cells].map((cell) => cell.innerText.trim().replace(/\s+/g, " ")).join("\t")).join("\n");
  }

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(textOf($(button.dataset.copy)));
      say("Copied");
    } catch { say("The browser does not let this page copy; mark the text and copy it"); }
  });

  document.querySelectorAll("table.sortable").forEach(sortable);
  if (screen === "start") startScreen();
  if (screen === "pairs") pairsScreen();
  if (screen === "working" || screen === "pending") watch().catch((error) => complain(error.message));
})();
