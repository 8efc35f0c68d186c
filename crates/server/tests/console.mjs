// The console in a browser, as a person on call uses it: by keyboard, on a phone, without a script, on a second screen.
//
// Needs a running program with at least one incident that is open and not acknowledged, or that opens within two minutes, and a
// token of a commander:
//
//   QUARTERDECK_URL=http://127.0.0.1:7117/ QUARTERDECK_TOKEN=… node crates/server/tests/console.mjs
//
// QUARTERDECK_NPM: the folder whose node_modules has playwright-core, where it is not found by name. QUARTERDECK_CHROMIUM: the
// browser [/usr/bin/chromium]. QUARTERDECK_SHOTS: a folder for screenshots. It changes the incident (notes, resolves it), sets
// silences that mean nothing, ends them, and ends with 0 only if everything held.

import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";

const { QUARTERDECK_URL, QUARTERDECK_TOKEN: token, QUARTERDECK_NPM, QUARTERDECK_CHROMIUM, QUARTERDECK_SHOTS: shots } = process.env;
assert(QUARTERDECK_URL, "QUARTERDECK_URL says what to test");
const entrance = new URL(QUARTERDECK_URL);
const base = entrance.origin;
assert(token, "QUARTERDECK_TOKEN says who tests it");
const { chromium } = createRequire(QUARTERDECK_NPM ? join(QUARTERDECK_NPM, "package.json") : import.meta.url)("playwright-core");
if (shots) mkdirSync(shots, { recursive: true });

const WAIT_MS = 10_000;
const OPENS_WITHIN_MS = 120_000;
const TAB_STOPS_MAX = 60;
const CONTRAST_LEAST = 4.5;

const browser = await chromium.launch({
  executablePath: QUARTERDECK_CHROMIUM || "/usr/bin/chromium",
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
  ],
});

// Whatever the browser complains about, and every request to another place, fails the test.
const complaints = [];
let forgiven = /$^/;

async function visitor(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, baseURL: base, ...options });
  context.setDefaultTimeout(WAIT_MS);
  context.on("page", (page) => {
    page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
    page.on("console", (message) => {
      const text = message.text();
      if (message.type() === "error" && !forgiven.test(text)) complaints.push(`${page.url()}: ${text}`);
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(base) && !request.url().startsWith("data:")) complaints.push(`asked ${request.url()}`);
    });
  });
  return context;
}

async function step(what, does) {
  const started = Date.now();
  try {
    await does();
  } catch (error) {
    console.error(`not ok  ${what}`);
    throw error;
  }
  console.log(`ok      ${what} (${Date.now() - started} ms)`);
}

// Presses Tab until the focus is where it should be, as a person without a mouse does.
async function tabTo(page, selector) {
  for (let stop = 0; stop < TAB_STOPS_MAX; stop += 1) {
    await page.keyboard.press("Tab");
    if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) {
      const outlined = await page.evaluate(() => {
        const focused = document.activeElement;
        const near = [focused, focused.closest(".row")].filter(Boolean);
        return near.some((one) => getComputedStyle(one).outlineStyle !== "none");
      });
      assert(outlined, `${selector} has the focus and does not show it`);
      return;
    }
  }
  assert.fail(`${TAB_STOPS_MAX} times Tab does not lead to ${selector}`);
}

// What an assistive program needs, and what a tired eye does.
function audit(contrastLeast) {
  const faults = [];
  const shown = (one) => one.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  const name = (one) =>
    (one.getAttribute("aria-label") || one.textContent || "").trim() ||
    (one.getAttribute("aria-labelledby") || "").split(" ").map((id) => document.getElementById(id)?.textContent || "").join("").trim();
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id);
  for (const id of ids.filter((id, at) => ids.indexOf(id) !== at)) faults.push(`id ${id} is there twice`);
  if (!document.documentElement.lang) faults.push("the page names no language");
  if (document.querySelectorAll("h1").length !== 1) faults.push("want one h1");
  if (document.querySelectorAll("main").length !== 1) faults.push("want one main");
  let rank = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const next = Number(heading.tagName[1]);
    if (next > rank + 1) faults.push(`after h${rank} comes h${next}: ${heading.textContent.trim()}`);
    rank = next;
  }
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
    const labels = [...(field.labels || [])].filter((label) => label.textContent.trim());
    if (!labels.length && !field.getAttribute("aria-label")) faults.push(`no label: ${field.outerHTML}`);
  }
  for (const one of document.querySelectorAll("a[href], button, summary")) if (!name(one)) faults.push(`no name: ${one.outerHTML}`);
  for (const one of document.querySelectorAll("[aria-labelledby], [aria-describedby]")) {
    for (const id of `${one.getAttribute("aria-labelledby") || ""} ${one.getAttribute("aria-describedby") || ""}`.split(" ").filter(Boolean)) {
      if (!document.getElementById(id)) faults.push(`nothing is called ${id}`);
    }
  }
  for (const one of document.querySelectorAll("[tabindex]")) if (one.tabIndex > 0) faults.push(`order by hand: ${one.outerHTML}`);
  for (const one of document.querySelectorAll("svg, img")) {
    if (!one.getAttribute("aria-hidden") && !one.getAttribute("alt") && !one.getAttribute("aria-label")) faults.push(`no text: ${one.outerHTML.slice(0, 80)}`);
  }
  for (const time of document.querySelectorAll("time")) if (Number.isNaN(Date.parse(time.dateTime))) faults.push(`no instant: ${time.outerHTML}`);
  const over = document.documentElement.scrollWidth - innerWidth;
  if (over > 0) faults.push(`${over} px too wide`);

  const parse = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => {
    const [lr, lg, lb] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * lr + 0.7152 * lg + 0.0722 * lb;
  };
  const ground = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return parse(getComputedStyle(document.body).backgroundColor);
  };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (texts.nextNode()) {
    const one = texts.currentNode.parentElement;
    if (!texts.currentNode.textContent.trim() || seen.has(one) || !shown(one) || one.closest(".unseen, .skip, script, noscript, option")) continue;
    seen.add(one);
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(ground(one))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < contrastLeast) faults.push(`contrast ${ratio.toFixed(2)}: ${one.outerHTML.slice(0, 120)}`);
  }
  return faults;
}

const people = await visitor({ permissions: ["clipboard-read", "clipboard-write"] });
const page = await people.newPage();
let incident = "";

try {
  await step("a link with a token lets nobody in", async () => {
    const guest = await visitor();
    const first = await guest.newPage();
    forgiven = /400/;
    await first.goto(`/login?token=${token}`);
    await first.getByRole("alert").getByText("not taken from there").waitFor();
    forgiven = /$^/;
    assert.equal((await guest.cookies()).length, 0);
    await guest.close();
  });

  await step("nobody gets in without a token", async () => {
    await page.goto("/");
    assert.equal(new URL(page.url()).pathname, "/login");
    assert(await page.getByLabel("Token").evaluate((field) => field === document.activeElement), "the field has the focus");
    forgiven = /401/;
    await page.keyboard.type("wrong-token-wrong-token");
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("not known").waitFor();
    forgiven = /$^/;
  });

  await step("a token opens the console", async () => {
    await page.getByLabel("Token").fill(token);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Incidents", exact: true }).waitFor();
    const cookies = await people.cookies();
    assert(cookies.length === 1 && cookies[0].httpOnly && cookies[0].sameSite === "Strict", JSON.stringify(cookies));
    await page.getByText("Live", { exact: true }).waitFor();
  });

  await step("an incident is there, or comes without a reload", async () => {
    await page.evaluate(() => { window.loaded = true; });
    const row = page.locator("#open .row").filter({ has: page.locator(".phase.triggered") }).first();
    await row.waitFor({ timeout: OPENS_WITHIN_MS });
    assert(await page.evaluate(() => window.loaded), "it was reloaded");
    incident = await row.locator("h3 a").getAttribute("href");
    assert.match(incident, /^\/incidents\/inc_/);
    assert.match(await row.locator(".sev").innerText(), /^SEV[1-5]$/);
  });

  const watcher = await people.newPage();
  const reader = await visitor({ javaScriptEnabled: false, storageState: await people.storageState() });
  const plain = await reader.newPage();

  const why = `moving the node <b>${Date.now()}</b>`;

  await step("a silence is set from a signal, by keyboard", async () => {
    await page.goto("/signals");
    await page.locator(".signal summary").first().click();
    await page.locator(".signal").first().getByRole("link", { name: "Silence signals like this" }).click();
    await page.waitForURL("**/silences?signal=sig_*");
    const field = page.getByLabel("Which signals");
    assert.match(await field.inputValue(), /^\w+="[^"]+"/, "it is filled from the signal");
    await tabTo(page, "#silence-matchers");
    await page.keyboard.press("Control+End");
    // It means no signal of this demo: the test silences nothing.
    await page.keyboard.type('\nregion=~"no(where|body).*"');
    await tabTo(page, "#silence-span");
    await page.keyboard.type("soon");
    await tabTo(page, "#silence-comment");
    await page.keyboard.type(why);
    await page.keyboard.press("Tab");
    forgiven = /422/;
    await page.keyboard.press("Enter");
    await page.getByRole("alert").getByText("`soon` is no span").waitFor();
    forgiven = /$^/;
    assert.equal(await page.evaluate(() => document.activeElement.id), "refused", "what was refused is read first");
    assert.equal(await page.getByLabel("Why").inputValue(), why);
    await page.getByLabel("For how long").fill("30m");
    await page.keyboard.press("Enter");
    await page.waitForURL("**/silences");
    const card = page.locator("#active .silence").filter({ hasText: why });
    await card.getByText("holds nothing back now").waitFor();
    assert.equal(await page.locator("#silence-count .count").innerText().then((text) => text.trim()[0]), "1");
  });

  await step("without a script a silence is set for later, and ended; a second page sees it without a reload", async () => {
    await page.evaluate(() => { window.loaded = true; });
    await page.getByText("Live", { exact: true }).waitFor();
    await plain.goto("/silences");
    await plain.getByText("Set a silence", { exact: true }).click();
    await plain.getByLabel("Which signals").fill('region="nowhere"');
    await plain.getByLabel("For how long").fill("1d");
    await plain.getByLabel("From (UTC)").fill("2100-01-01T00:00");
    await plain.getByLabel("Why").fill("the next century");
    await plain.getByRole("button", { name: "Set the silence" }).click();
    await plain.locator("#pending .silence").getByRole("heading", { name: "the next century" }).waitFor();
    await page.locator("#pending .silence").getByRole("heading", { name: "the next century" }).waitFor();
    await plain.getByRole("button", { name: "End now: the next century" }).click();
    await plain.locator("#expired .silence").getByRole("heading", { name: "the next century" }).waitFor();
    await page.locator("#expired .silence").getByRole("heading", { name: "the next century" }).waitFor();
    assert(await page.evaluate(() => window.loaded), "it was reloaded");
  });

  await step("evidence is sent without a script and shown as text; another page sees it without a reload", async () => {
    await page.goto(`${incident}/evidence`);
    await page.getByText("Live", { exact: true }).waitFor();
    await plain.goto(`${incident}/evidence`);
    await plain.getByLabel("What it is, in one line").fill("the log of the signer");
    await plain.getByLabel("Or choose a file, less than 8 MiB").setInputFiles({ name: "signer.log", mimeType: "text/plain", buffer: Buffer.from("<b>panic</b>") });
    await plain.getByRole("button", { name: "Keep it" }).click();
    await plain.locator("#piece-1").getByText("the log of the signer").waitFor();
    await page.locator("#piece-1").getByText("the log of the signer").waitFor();
    await plain.getByRole("link", { name: "Show evidence 1" }).click();
    await plain.getByText("<b>panic</b>").waitFor();
  });

  await step("every page reads well: wide and narrow, light and dark", async () => {
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      for (const width of [1280, 390, 360]) {
        await page.setViewportSize({ width, height: 800 });
        for (const [name, path] of [["incidents", "/"], ["incident", incident], ["room", `${incident}/room`], ["evidence", `${incident}/evidence`], ["tasks", "/tasks"], ["signals", "/signals"], ["silences", "/silences"], ["oncall", "/oncall"], ["sources", "/sources"]]) {
          await page.goto(path);
          await page.evaluate(() => { for (const fold of document.querySelectorAll("details:not([name])")) fold.open = true; });
          // Each form once per colour scheme, where there is least room.
          const acts = width === 360 ? await page.locator(".acts details").count() : 0;
          for (let nth = 0; nth < Math.max(acts, 1); nth += 1) {
            if (acts) await page.locator(".acts details > summary").nth(nth).evaluate((summary) => { summary.parentElement.open = true; });
            assert.deepEqual(await page.evaluate(audit, CONTRAST_LEAST), [], `${path} at ${width} px, ${colorScheme}`);
          }
          if (shots) await page.screenshot({ path: join(shots, `${name}-${width}-${colorScheme}.png`), fullPage: true });
        }
      }
    }
    await page.emulateMedia({ colorScheme: "light" });
    await page.setViewportSize({ width: 1280, height: 900 });
  });

  await step("acknowledged by keyboard alone; a second page sees it without a reload", async () => {
    await watcher.goto(incident);
    await watcher.getByText("Live", { exact: true }).waitFor();
    await watcher.evaluate(() => { window.loaded = true; });
    await plain.goto(incident);
    await page.goto("/");
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
    await tabTo(page, `a[href="${incident}"]`);
    await page.keyboard.press("Enter");
    await page.waitForURL(`**${incident}`);
    await tabTo(page, "#do-acknowledge");
    await page.keyboard.press("Enter");
    await page.locator("#head .phase.acknowledged").waitFor();
    await watcher.locator("#head .phase.acknowledged").waitFor();
    assert(await watcher.evaluate(() => window.loaded), "it was reloaded");
  });

  await step("a note by keyboard; what somebody types elsewhere stays", async () => {
    await watcher.locator("#act-note > summary").click();
    await watcher.locator("#text-note").pressSequentially("half a sent");
    await tabTo(page, "#act-note > summary");
    await page.keyboard.press("Enter");
    await tabTo(page, "#text-note");
    const note = `pausing the vault <b>now</b> ${Date.now()}`;
    await page.keyboard.type(note);
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await page.locator(".timeline").getByText(note).waitFor();
    await watcher.locator(".timeline").getByText(note).waitFor();
    await watcher.keyboard.type("ence");
    assert.equal(await watcher.locator("#text-note").inputValue(), "half a sentence");
    assert.equal(await watcher.locator("#act-note").getAttribute("open"), "");
  });

  await step("the room: what one writes the other sees, and who is there", async () => {
    await watcher.goto(`${incident}/room`);
    await watcher.getByText("Live", { exact: true }).waitFor();
    await watcher.evaluate(() => { window.loaded = true; });
    await page.goto(`${incident}/room`);
    await page.getByText("Live", { exact: true }).waitFor();
    await watcher.locator("#room-side").getByText("Ana Moreau").first().waitFor();
    await tabTo(page, "#box-text");
    await page.keyboard.type("the vault is <b>empty</b>");
    await page.keyboard.press("Shift+Enter");
    await page.keyboard.type("and so is the bridge");
    await page.keyboard.press("Enter");
    const words = "the vault is <b>empty</b>\nand so is the bridge";
    for (const one of [page, watcher]) {
      const last = one.locator("#said > li").filter({ hasText: "so is the bridge" });
      await last.waitFor();
      assert.equal(await last.locator(".words").evaluate((p) => p.textContent), words);
      assert(await last.evaluate((li) => { const box = li.getBoundingClientRect(); const view = document.getElementById("scroller").getBoundingClientRect(); return box.bottom <= view.bottom + 1; }), "it is in sight");
    }
    assert.equal(await page.locator("#box-text").inputValue(), "");
    assert(await watcher.evaluate(() => window.loaded), "it was reloaded");
    assert.equal(await watcher.locator("#said").getAttribute("aria-live"), "polite");
  });

  await step("the room: what is typed outlives a reload, a lost connection and a lost answer, and is written once", async () => {
    const posts = `**${incident}/room`;
    await page.locator("#box-text").pressSequentially("half a thought");
    await page.reload();
    assert.equal(await page.locator("#box-text").inputValue(), "half a thought");
    await page.getByText("Live", { exact: true }).waitFor();
    forgiven = /Failed to load resource|ERR_/;
    const cut = (route) => (route.request().method() === "POST" ? route.abort() : route.continue());
    await page.route(posts, cut);
    await page.locator("#box-text").press("Enter");
    await page.locator("#box-state").getByText("Not sent: no connection").waitFor();
    assert.equal(await page.locator("#box-text").inputValue(), "half a thought");
    await page.unroute(posts, cut);
    // It arrives, and the answer is lost: sent again it is the same message.
    const deaf = async (route) => {
      if (route.request().method() !== "POST") return route.continue();
      await route.fetch();
      return route.abort();
    };
    await page.route(posts, deaf);
    await page.locator("#box-text").press("Enter");
    await watcher.locator("#said > li").filter({ hasText: "half a thought" }).waitFor();
    await page.locator("#box-state").getByText("Not sent").waitFor();
    await page.unroute(posts, deaf);
    await page.locator("#box-text").press("Enter");
    await page.waitForFunction(() => document.getElementById("box-text").value === "");
    for (const one of [page, watcher]) assert.equal(await one.locator("#said > li").filter({ hasText: "half a thought" }).count(), 1);
    forgiven = /$^/;
  });

  await step("the room: a slash is a command, a question is answered, a decision is kept in sight", async () => {
    forgiven = /422/;
    await page.locator("#box-text").fill("/resolv it is over");
    await page.locator("#box-text").press("Enter");
    await page.locator("#box-state").getByText("write `resolve`").waitFor();
    forgiven = /$^/;
    await page.locator("#box-text").fill("/note seen from the room");
    await page.locator("#box-text").press("Enter");
    await watcher.locator("#said > li.note").filter({ hasText: "seen from the room" }).waitFor();
    await page.locator("#box-text").fill("who holds the second key?");
    await page.getByRole("button", { name: "As a question" }).click();
    const open = watcher.getByRole("region", { name: "Open questions" });
    await open.getByText("who holds the second key?").waitFor();
    await watcher.locator("#said > li.question").filter({ hasText: "second key" }).getByRole("link", { name: "Answer" }).click();
    await watcher.getByLabel("Your answer").fill("Bo holds it");
    await watcher.getByRole("button", { name: "Answer", exact: true }).click();
    await page.locator("#said > li.answer").filter({ hasText: "Bo holds it" }).waitFor();
    await page.locator("#said > li.question").filter({ hasText: "second key" }).getByText("answered").waitFor();
    await page.locator("#box-text").fill("withdrawals are stopped");
    await page.getByRole("button", { name: "As a decision" }).click();
    await watcher.getByRole("region", { name: "Decisions" }).getByText("withdrawals are stopped").waitFor();
    if (shots) {
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        for (const width of [1280, 390]) {
          await page.setViewportSize({ width, height: 844 });
          await page.screenshot({ path: join(shots, `room-talk-${width}-${colorScheme}.png`) });
        }
      }
      await page.emulateMedia({ colorScheme: "light" });
      await page.setViewportSize({ width: 1280, height: 900 });
    }
  });

  await step("the room without a script: a message is written, changed and withdrawn; others see it", async () => {
    await plain.goto(`${incident}/room`);
    await plain.getByLabel("Write a message").fill("the password is hunter2");
    await plain.getByRole("button", { name: "Send" }).click();
    await page.locator("#said > li").filter({ hasText: "hunter2" }).waitFor();
    await plain.locator("#said > li").filter({ hasText: "hunter2" }).getByRole("link", { name: "Answer, change or withdraw" }).click();
    assert.deepEqual(await plain.evaluate(audit, CONTRAST_LEAST).catch(() => []), []);
    await plain.getByText("Withdraw", { exact: true }).first().click();
    await plain.locator("#act-withdraw button").click();
    await page.locator("#said > li.gone").last().getByText("withdrawn by").waitFor();
    assert.equal(await page.getByText("hunter2").count(), 0);
    await plain.goto(incident);
    await page.goto(incident);
    await page.locator("#talk").getByText("withdrawals are stopped").waitFor();
    await watcher.goto(incident);
    await watcher.getByText("Live", { exact: true }).waitFor();
    await watcher.evaluate(() => { window.loaded = true; });
  });

  await step("a task by keyboard; a second page sees who is on it, and what is typed there stays", async () => {
    await watcher.locator("#add-task > summary").click();
    await watcher.locator("#task-title").pressSequentially("half a ta");
    await tabTo(page, "#add-task > summary");
    await page.keyboard.press("Enter");
    await tabTo(page, "#task-title");
    const title = `stop deposits ${Date.now()}`;
    await page.keyboard.type(title);
    await tabTo(page, "#task-resources");
    await page.keyboard.type("flag:Deposits");
    await page.keyboard.press("Enter");
    for (const one of [page, watcher]) {
      const task = one.locator("#tasks .task").filter({ hasText: title });
      await task.getByText("is on it").waitFor();
      await task.getByText("flag:deposits").waitFor();
    }
    await watcher.keyboard.type("sk");
    assert.equal(await watcher.locator("#task-title").inputValue(), "half a task");
    if (shots) {
      for (const colorScheme of ["light", "dark"]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width: 390, height: 800 });
        await page.locator("#tasks").screenshot({ path: join(shots, `task-390-${colorScheme}.png`) });
      }
      await page.emulateMedia({ colorScheme: "light" });
      await page.setViewportSize({ width: 1280, height: 900 });
    }
    await plain.goto("/tasks?mine=yes");
    await plain.locator(".task").filter({ hasText: title }).waitFor();
    await page.locator("#tasks .task-acts").getByText("Done", { exact: false }).first().click();
    await page.locator("#tasks .task-acts details[open] textarea").fill("deposits are off");
    await page.locator("#tasks .task-acts details[open] button").click();
    await page.locator("#tasks-over").waitFor();
    await watcher.locator("#tasks-over").waitFor();
    await plain.goto(incident);
  });

  await step("the timeline is filtered, long identifiers are copied whole", async () => {
    const rows = page.locator(".timeline li");
    const all = await rows.count();
    await page.getByRole("radio", { name: "People" }).check();
    const of = await rows.filter({ visible: true }).count();
    assert(of >= 2 && of < all, `${of} of ${all}`);
    await page.getByRole("radio", { name: "All" }).check();
    await page.locator("#head .copy").first().click();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()), incident.split("/").pop());
  });

  await step("resolved; it leaves the open ones everywhere", async () => {
    await page.locator("#recovery").getByText("nothing fires any more").waitFor();
    await page.locator("#act-resolve > summary").click();
    await page.locator("#act-resolve").getByText("why it is over all the same").waitFor();
    await page.locator("#note-resolve").fill("paused, funds moved to the safe");
    await page.locator("#act-resolve button").click();
    await page.locator("#head .phase.resolved").waitFor();
    await watcher.locator("#head .phase.resolved").waitFor();
    await page.goto("/");
    assert.equal(await page.locator(`#open a[href="${incident}"]`).count(), 0);
    assert.equal(await page.locator(`#over a[href="${incident}"]`).count(), 1);
  });

  await step("without a script: times in UTC, and a refusal with what was typed", async () => {
    assert.match(await plain.locator("#head time").first().innerText(), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$/);
    await plain.locator("#act-mitigate > summary").click();
    await plain.locator("#note-mitigate").fill("we paused it");
    forgiven = /409/;
    await plain.locator("#act-mitigate button").click();
    await plain.getByRole("alert").getByText("cannot mitigate").waitFor();
    forgiven = /$^/;
    assert.equal(await plain.locator("#note-mitigate").inputValue(), "we paused it");
  });

  await step("a link in a chat on another site leads to the incident, not to a form", async () => {
    const chat = createServer((_, answer) => answer.setHeader("content-type", "text/html").end(`<a href="${base}${incident}">page</a>`));
    await new Promise((listening) => chat.listen(0, "localhost", listening));
    const guest = await browser.newContext({ storageState: await people.storageState() });
    const reading = await guest.newPage();
    await reading.goto(`http://localhost:${chat.address().port}/`);
    await reading.getByRole("link").click();
    await reading.locator("#head .phase").waitFor({ timeout: WAIT_MS });
    await guest.close();
    chat.close();
  });

  await step("a lost connection is said, and said to be over", async () => {
    forgiven = /Failed to load resource|ERR_/;
    await watcher.route("**/api/v1/events", (route) => route.abort());
    await watcher.goto("/");
    await watcher.getByText("The connection is lost").waitFor();
    await watcher.unroute("**/api/v1/events");
    await watcher.getByText("Live", { exact: true }).waitFor();
    await watcher.getByText("The connection is lost").waitFor({ state: "hidden" });
    forgiven = /$^/;
  });

  await step("a silence is ended by keyboard", async () => {
    await page.goto("/silences");
    await tabTo(page, "#active form button");
    await page.keyboard.press("Enter");
    await page.locator("#expired .silence").filter({ hasText: why }).waitFor();
    await page.getByText("Nothing is silenced.").waitFor();
  });

  await step("logged out, the pages are closed", async () => {
    await page.getByRole("button", { name: "Log out" }).click();
    // What the page opens by itself comes first.
    await page.getByLabel("Token").waitFor();
    await page.goto(incident);
    assert.equal(new URL(page.url()).pathname, "/login");
  });

  assert.deepEqual(complaints, [], "the browser complained");
  console.log("ok      nothing was asked of any other place, and nothing broke the content policy");
} catch (error) {
  console.error(error.message);
  console.error(complaints.join("\n"));
  if (shots) for (const [nth, open] of people.pages().entries()) await open.screenshot({ path: join(shots, `failed-${nth}.png`) }).catch(() => {});
  process.exitCode = 1;
} finally {
  await browser.close();
}
