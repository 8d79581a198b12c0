// Log in with STARFACE login and password.

import { fill, h, icon } from "./dom.js";
import { keepLanguage, language, LANGUAGES, loadTexts, t } from "./texts.js";

export function showLogin(root, then) {
  document.title = t("log-in");
  const login = h("input", { class: "field", name: "username", autocomplete: "username", required: true, maxLength: 64, autocapitalize: "none", spellcheck: "false" });
  const password = h("input", { class: "field", name: "password", type: "password", autocomplete: "current-password", required: true, maxLength: 256 });
  const fault = h("p", { class: "hint", role: "alert", hidden: true });
  const button = h("button", { class: "button" }, t("log-in"));

  async function submit(event) {
    event.preventDefault();
    button.disabled = true;
    fault.hidden = true;
    let code = "panel";
    try {
      const answer = await fetch("session", { method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ login: login.value.trim(), password: password.value }) });
      if (answer.ok) return await then();
      code = (await answer.json().catch(() => ({}))).code || "refused";
    } catch { /* the server is not there */ }
    fault.textContent = t(`login.${code}`);
    fault.hidden = false;
    button.disabled = false;
    password.select();
    return undefined;
  }

  fill(root, h("main", { class: "login" },
    h("form", { class: "sheet", onsubmit: submit },
      h("h1", {}, icon("phone"), t("welcome")), h("p", { class: "sub" }, t("login-hint")),
      h("label", {}, t("login-id"), login), h("label", {}, t("password"), password), fault, button,
      location.pathname.endsWith("/dial") ? h("p", { class: "quiet" }, h("a", { href: `dial/token${location.search}` }, t("dial-token"))) : null),
    h("div", { class: "languages", role: "group", "aria-label": t("language") }, Object.entries(LANGUAGES).map(([code, name]) =>
      h("button", { type: "button", lang: code, "aria-pressed": String(code === language), onclick: async () => { keepLanguage(code); await loadTexts(code); showLogin(root, then); } }, name)))));
  login.focus();
}
