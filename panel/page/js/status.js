// Whether everything works: own links for everybody, the site for administrators. Never calls.

import { failure } from "./app.js";
import { fill, h, toast } from "./dom.js";
import { directory, settings } from "./net.js";
import { on, store } from "./store.js";
import { language, moment, say, t } from "./texts.js";

const OWN = ["gateway", "sessions", "caller", "dial", "journal"];
let place;
let site = null;

export async function show(element) {
  place = element;
  draw();
  try {
    site = await settings({ action: "status" });
    if (store.me?.admin) site.sources = (await directory({ action: "sources" })).sources;
  } catch { site = null; }
  draw();
}

on("icon", () => draw());

const mark = (good, text) => h("span", { class: good ? "ok" : "bad" }, good ? `✓ ${text}` : `⚠ ${text}`);

function draw() {
  if (!place?.isConnected || !location.hash.startsWith("#/status")) return;
  const { links, state, connected } = store;
  const broken = failure();
  const facts = [
    [t("link.panel"), mark(connected, t(connected ? "reachable" : "unreachable"))],
    [t("link.broker"), mark(connected && links.broker, t(connected && links.broker ? "reachable" : "unreachable"))],
    ...OWN.map((name) => { const good = connected && links.broker && !links.missing.includes(name); return [t(`process.${name}`), mark(good, t(good ? "running" : "not-running"))]; }),
    [t("link.own"), state ? h("span", {}, mark(state.state !== "failing", t(`state.${state.state}`)), ` · ${moment(state.since)}`, state.sentence ? h("p", {}, say(state.sentence)) : "") : "–"],
  ];
  fill(place, h("h2", {}, t("page.status")),
    h("section", { class: "sheet" }, h("h3", {}, t(broken ? "status-bad" : "status-good")), broken ? h("p", {}, broken) : null,
      h("dl", { class: "facts-list" }, facts.map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]))),
    store.me?.admin && site ? administrators() : null);
}

const table = (label, head, rows) => h("section", { class: "sheet" }, h("h3", {}, label), h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": label },
  h("table", {}, h("thead", {}, h("tr", {}, head.map((one) => h("th", { scope: "col" }, one)))), h("tbody", {}, rows.map((row) => h("tr", {}, row.map((one) => h("td", {}, one))))))));

// Findings of the doctor: what is broken first, each with what to do about it.
let findings = null;
let examining = false;

async function examine() {
  examining = true;
  draw();
  try {
    ({ findings } = await settings({ action: "doctor", language }));
  } catch (error) {
    if (error.message) toast(error.message);
  }
  examining = false;
  draw();
}

function doctor() {
  const some = (...levels) => levels.flatMap((level) => (findings || []).filter((one) => one.level === level)).map((one) => h("li", {},
    h("b", { class: lookOf(one) }, `${lookOf(one) === "ok" ? "✓" : "⚠"} ${one.check} · ${t(`level.${one.level}`)}`), h("p", {}, one.text), one.fix ? h("p", { class: "quiet" }, `→ ${one.fix}`) : null));
  const good = some("ok");
  return h("section", { class: "sheet", "aria-busy": String(examining) }, h("h3", {}, t("doctor")), h("p", {}, t("doctor-hint")),
    h("div", { class: "buttons" }, h("button", { class: "button", type: "button", disabled: examining, onclick: examine, "data-key": "doctor" }, t(examining ? "doctor-runs" : "doctor-run"))),
    findings ? [h("ul", { class: "findings" }, some("fail", "warn")), h("details", {}, h("summary", {}, t("doctor-good", { n: good.length })), h("ul", { class: "findings" }, good))] : null);
}

const lookOf = (finding) => (finding.level === "ok" ? "ok" : "bad");

// One table of processes for each machine, where a site has several.
function machines(processes) {
  const names = [...new Set(processes.map((one) => one.machine || ""))].sort();
  return names.map((machine) => table(machine ? `${t("processes")} · ${t("machine")} ${machine}` : t("processes"), [t("process-head"), t("state-head"), t("since-head"), t("version")],
    processes.filter((one) => (one.machine || "") === machine).map((one) => [one.name, mark(one.online, t(one.online ? "running" : "not-running")), one.since ? moment(one.since) : "", one.version || ""])));
}

function administrators() {
  const states = site.states || {};
  return [
    doctor(),
    ...machines(site.processes || []),
    table(t("users"), [t("login-id"), t("name"), t("state-head"), ""], (site.users || []).map((one) => {
      const state = states[one.login];
      const look = !one.enrolled ? "not-enrolled" : state?.state || "unknown";
      return [one.login, one.name, mark(look === "active" || look === "inactive", t(`state.${look}`)), state?.state === "failing" ? say(state.sentence) : ""];
    })),
    site.sources ? table(t("sources"), [t("source"), t("imported"), t("contacts"), t("numbers")], site.sources.map((one) => [one.name, one.imported ? moment(one.imported) : "–", String(one.contacts), String(one.numbers)])) : null,
  ];
}
