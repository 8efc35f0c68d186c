// The console's only script: times that count, copying, and pages that follow the log.
// Every page works without it. It draws nothing itself: it fetches the page again and takes over the parts marked `data-live`.
"use strict";

const root = document.documentElement;
const page = document.body.dataset;
root.classList.add("js");

// The parts as the server sent them: a part that is the same again is left alone, and with it whatever a reader does in it.
const pristine = new Map();
for (const part of document.querySelectorAll("[data-live]")) pristine.set(part.id, part.cloneNode(true));

// Times. The server's clock counts, not this machine's.

let ahead = Date.parse(root.dataset.now) - Date.now();
const now = () => Date.now() + (Number.isFinite(ahead) ? ahead : 0);

function span(ms) {
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s} s`;
  if (s < 600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

function reads(manner, at) {
  const past = now() - at;
  if (manner === "until") return past > 0 ? `due since ${span(past)}` : `in ${span(-past)}`;
  if (past < 0) return `in ${span(-past)}`;
  return past < 5000 ? "just now" : `${span(past)} ago`;
}

const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "long" });

function tellTimes() {
  for (const time of document.querySelectorAll("time")) {
    const at = Date.parse(time.dateTime);
    if (Number.isNaN(at)) continue;
    if (!time.title) time.title = `${time.dateTime} · here: ${local.format(at)}`;
    if (!time.dataset.as) continue;
    const text = reads(time.dataset.as, at);
    if (time.textContent !== text) time.textContent = text;
  }
}

tellTimes();
setInterval(tellTimes, 1000);

// Copying.

const news = document.getElementById("news");

function say(text) {
  if (news) news.textContent = text;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
    say("Copied");
  } catch {
    // Without a secure connection there is no clipboard: show the whole and select it, so that one key copies it.
    const code = button.parentElement.querySelector("code");
    code.textContent = button.dataset.copy;
    getSelection().selectAllChildren(code);
    say("Selected: copy it with the keyboard");
  }
});

// Following the log.

const SETTLE_MS = 150;
const REST_MS = 1000;
const RETRY_MS = 3000;

const state = document.getElementById("live");
let fetching = false;
let again = false;
let timer = 0;
let lastFetch = 0;

// What a person has typed, opened, chosen or reached stays as it is when a part is replaced.
function remember(part) {
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const selection = focused && "selectionStart" in focused ? [focused.selectionStart, focused.selectionEnd] : null;
  const fields = [...part.querySelectorAll("input, textarea, select")].filter((field) => field.id);
  return {
    focus: focused && handle(focused),
    selection,
    folds: [...part.querySelectorAll("details[id]")].map((fold) => [fold.id, fold.open]),
    typed: fields.filter(changed).map((field) => [field.id, field.type === "checkbox" || field.type === "radio" ? field.checked : field.value]),
  };
}

// A field that differs from what the server sent.
function changed(field) {
  if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
  if (field.tagName === "SELECT") return [...field.options].some((option) => option.selected !== option.defaultSelected) && field.selectedIndex > 0;
  return field.value !== field.defaultValue;
}

// How to find the same element in the new part.
function handle(element) {
  if (element.id) return (part) => part.querySelector(`#${CSS.escape(element.id)}`);
  const fold = element.tagName === "SUMMARY" && element.closest("details[id]");
  if (fold) return (part) => part.querySelector(`#${CSS.escape(fold.id)} > summary`);
  const same = (one) => one.tagName === element.tagName && one.textContent === element.textContent;
  return (part) => [...part.querySelectorAll("a, button, input, select, textarea, summary")].find(same);
}

function find(part, id) {
  return part.querySelector(`#${CSS.escape(id)}`);
}

function takeOver(old, fresh) {
  const kept = remember(old);
  if (kept.typed.some(([id]) => !find(fresh, id))) {
    // The form that somebody types in is gone: keep their words, and say so.
    if (!old.querySelector(".stale")) {
      const note = document.createElement("p");
      note.className = "notice stale";
      note.setAttribute("role", "status");
      note.textContent = "The incident changed while you were typing: what you wrote may no longer be possible. Reload to see what is.";
      old.prepend(note);
    }
    return;
  }
  for (const [id, open] of kept.folds) {
    const fold = find(fresh, id);
    if (fold) fold.open = open;
  }
  for (const [id, value] of kept.typed) {
    const field = find(fresh, id);
    if (typeof value === "boolean") field.checked = value;
    else field.value = value;
  }
  old.replaceWith(fresh);
  const focus = kept.focus && kept.focus(fresh);
  if (focus) {
    focus.focus({ preventScroll: true });
    if (kept.selection && "setSelectionRange" in focus) focus.setSelectionRange(...kept.selection);
  }
}

async function refresh() {
  if (!page.self || document.hidden) return;
  if (fetching) {
    again = true;
    return;
  }
  fetching = true;
  lastFetch = Date.now();
  try {
    const answer = await fetch(page.self, { headers: { accept: "text/html" }, cache: "no-store" });
    if (answer.redirected && new URL(answer.url).pathname === "/login") {
      location.assign(answer.url);
      return;
    }
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const text = await answer.text();
    const follows = scroller && atEnd();
    const fresh = new DOMParser().parseFromString(text, "text/html");
    for (const old of document.querySelectorAll("[data-live]")) {
      const part = fresh.getElementById(old.id);
      if (part && !part.isEqualNode(pristine.get(old.id) || null)) {
        const copy = document.importNode(part, true);
        pristine.set(old.id, part);
        takeOver(old, copy);
      }
    }
    if (follows) toEnd();
    document.title = fresh.title;
    ahead = Date.parse(fresh.documentElement.dataset.now) - Date.now();
    tellTimes();
    if (!stream) show("live", "Up to date");
  } catch {
    show("lost", "Not connected");
  } finally {
    fetching = false;
    if (again) {
      again = false;
      soon();
    }
  }
}

// A burst of news is one fetch, and fetches keep a distance.
function soon() {
  clearTimeout(timer);
  timer = setTimeout(refresh, Math.max(SETTLE_MS, lastFetch + REST_MS - Date.now()));
}

function show(name, text) {
  root.classList.toggle("lost", name === "lost");
  if (!state || state.dataset.state === name) return;
  state.dataset.state = name;
  state.textContent = text;
}

let stream = null;

function heard(event) {
  const told = JSON.parse(event.data);
  if (page.incident && told.incident !== page.incident) return;
  if (!page.incident && told.kind.startsWith("opened.")) say("A new incident is open.");
  if (page.incident) say(`New in the timeline: ${told.kind.split(".")[0].replaceAll("_", " ")}`);
  soon();
}

// One connection per page that is looked at: browsers allow few per server, and a person has many tabs.
function listen() {
  if (stream || !(page.events || page.room) || document.hidden) return;
  stream = new EventSource(page.room || "/api/v1/events");
  stream.onopen = () => {
    show("live", "Live");
    soon();
  };
  stream.onerror = () => {
    show("lost", "Not connected");
    if (stream && stream.readyState === EventSource.CLOSED) {
      stream = null;
      setTimeout(() => {
        refresh();
        listen();
      }, RETRY_MS);
    }
  };
  for (const name of (page.events || "").split(" ").filter(Boolean)) stream.addEventListener(name, heard);
  if (page.room) for (const name of ["messages", "side", "head"]) stream.addEventListener(name, heardRoom);
  stream.addEventListener("missed", soon);
}

// The room: what changes comes rendered, so that nobody fetches the page for a message.

const scroller = document.getElementById("scroller");
const below = document.getElementById("below");

const atEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;

function toEnd() {
  scroller.scrollTop = scroller.scrollHeight;
  below.hidden = true;
}

function parsed(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  return holder.content;
}

// Messages that are new go to the end; those that stand otherwise now take the place of what was there.
function takeMessages(html) {
  const follows = atEnd();
  const silent = document.getElementById("silent");
  let more = false;
  for (const item of [...parsed(html).children]) {
    const old = [...document.querySelectorAll(".scroller .said")].find((one) => one.id === item.id);
    if (old) old.replaceWith(item);
    else if (!document.getElementById("box") && new URLSearchParams(location.search).has("before")) more = true;
    else {
      document.getElementById("said").append(item);
      more = true;
    }
  }
  if (silent) silent.remove();
  // What the page was sent with is not what stands there any more.
  pristine.delete("said");
  tellTimes();
  if (follows) toEnd();
  else if (more) below.hidden = false;
}

function takePart(id, html) {
  const old = document.getElementById(id);
  const fresh = old.cloneNode(false);
  fresh.append(parsed(html));
  pristine.delete(id);
  takeOver(old, fresh);
  tellTimes();
}

function heardRoom(event) {
  if (event.type === "messages") takeMessages(event.data);
  else takePart(event.type === "side" ? "room-side" : "room-head", event.data);
}

// What is typed in the box is kept until it is known to have arrived: over reloads, lost connections and closed pages.
const box = document.getElementById("box");
if (scroller) {
  if (!document.getElementById("about")) toEnd();
  below.querySelector("button").addEventListener("click", toEnd);
  scroller.addEventListener("scroll", () => {
    if (atEnd()) below.hidden = true;
  });
  const earlier = document.getElementById("earlier");
  if (earlier) {
    earlier.addEventListener("click", async (event) => {
      event.preventDefault();
      try {
        const answer = await fetch(earlier.href, { headers: { accept: "text/html" }, cache: "no-store" });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        const part = new DOMParser().parseFromString(await answer.text(), "text/html");
        const height = scroller.scrollHeight;
        document.getElementById("earlier-said").prepend(...part.querySelectorAll("#said > li"));
        scroller.scrollTop += scroller.scrollHeight - height;
        const next = part.getElementById("earlier");
        if (next) earlier.href = next.href;
        else earlier.remove();
        tellTimes();
      } catch {
        location.assign(earlier.href);
      }
    });
  }
}
if (box) {
  const text = document.getElementById("box-text");
  const told = document.getElementById("box-state");
  const fresh = () => `web-${[...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  let draft = {};
  try {
    draft = JSON.parse(localStorage.getItem(page.draft)) || {};
  } catch {
    draft = {};
  }
  if (!text.value && draft.text) text.value = draft.text;
  const keep = () => {
    try {
      if (draft.text) localStorage.setItem(page.draft, JSON.stringify(draft));
      else localStorage.removeItem(page.draft);
    } catch {
      // A browser that keeps nothing: the box still has it as long as the page is open.
    }
  };
  const tell = (message, bad) => {
    told.textContent = message;
    told.classList.toggle("bad", bad);
  };
  text.addEventListener("input", () => {
    draft.text = text.value;
    keep();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || matchMedia("(pointer: coarse)").matches) return;
    event.preventDefault();
    if (text.value.trim()) box.requestSubmit();
  });
  let sending = false;
  box.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (sending) return;
    sending = true;
    const manner = event.submitter ? event.submitter.value : "say";
    // The same words by the same button are the same message, however often they are sent: it is written once.
    if (draft.sent !== text.value || draft.as !== manner) draft = { text: text.value, sent: text.value, as: manner, key: fresh() };
    keep();
    tell("Sending …", false);
    const body = new URLSearchParams({ text: draft.sent, key: draft.key, as: manner });
    try {
      const answer = await fetch(location.pathname, { method: "POST", headers: { accept: "application/json" }, body, signal: AbortSignal.timeout(15000) });
      if (answer.redirected && new URL(answer.url).pathname === "/login") throw new Error("you are logged out; log in again, your words are kept");
      if (!answer.ok) {
        const no = await answer.json().catch(() => ({ message: `status ${answer.status}` }));
        throw new Error(no.hint ? `${no.message} (${no.hint})` : no.message);
      }
      if (text.value === draft.sent) text.value = "";
      draft = text.value ? { text: text.value } : {};
      keep();
      tell("", false);
      toEnd();
      if (!stream || stream.readyState !== EventSource.OPEN) refresh();
    } catch (error) {
      const network = error instanceof TypeError || error.name === "TimeoutError";
      tell(`Not sent: ${network ? "no connection" : error.message}. Your words are kept; send them again.`, true);
    } finally {
      sending = false;
      text.focus();
    }
  });
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    if (stream) stream.close();
    stream = null;
    return;
  }
  refresh();
  listen();
});
addEventListener("pagehide", () => stream && stream.close());
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  stream = null;
  refresh();
  listen();
});

if (state && page.self && !page.events && !page.room) show("live", "Up to date");
else if (state && !page.events && !page.room) state.textContent = "";
listen();
if (page.every) setInterval(refresh, Number(page.every) * 1000);

// One key declares an incident, wherever somebody is, unless they are typing.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest && event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key !== "d" || event.ctrlKey || event.metaKey || event.altKey || event.repeat || typing) return;
  const link = document.getElementById("declare-link");
  if (link) link.click();
});

// What was refused is read first.
const refused = document.getElementById("refused");
if (refused) refused.focus();
