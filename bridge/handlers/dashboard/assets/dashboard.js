// What makes the page more comfortable; everything works without it. Nothing is ever asked of the server by itself.
"use strict";

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"]];

/** How long since, as the server writes it. */
function ago(then) {
  const past = (Date.now() - then) / 1000;
  const unit = UNITS.find(([seconds]) => past >= seconds);
  if (unit) return `${Math.floor(past / unit[0])} ${unit[1]} ago`;
  return past > -60 ? "just now" : "in the future";
}

/** "3 min ago" goes on being true. */
function keepTime() {
  for (const place of document.querySelectorAll("[data-ago]")) {
    const at = Date.parse(place.closest("time").dateTime);
    if (!Number.isNaN(at)) place.textContent = ago(at);
  }
}

/** A form is sent once, however often its button is pressed. */
function sendOnce(form) {
  form.addEventListener("submit", () => {
    setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }));
  });
}

/** A button beside each id. */
function offerCopy(code) {
  if (!navigator.clipboard) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = "Copy";
  button.setAttribute("aria-label", `Copy ${code.textContent}`);
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  });
  code.after(button);
}

const SCHEMES = { "": "as the system", light: "light", dark: "dark" };

/** The scheme that was chosen in this browser; private windows may refuse to remember. */
function remembered() {
  try { return localStorage.getItem("scheme") || ""; } catch { return ""; }
}

function showScheme(scheme) {
  if (scheme) document.documentElement.dataset.scheme = scheme;
  else delete document.documentElement.dataset.scheme;
  document.querySelector("#scheme span").textContent = `: ${SCHEMES[scheme]}`;
}

function offerSchemes() {
  const button = document.getElementById("scheme");
  const names = Object.keys(SCHEMES);
  button.hidden = false;
  button.addEventListener("click", () => {
    const now = document.documentElement.dataset.scheme || "";
    const next = names[(names.indexOf(now) + 1) % names.length];
    try { localStorage.setItem("scheme", next); } catch { /* for this page only, then */ }
    showScheme(next);
  });
  const scheme = remembered();
  showScheme(scheme in SCHEMES ? scheme : "");
}

offerSchemes();
document.querySelectorAll("form[data-once]").forEach(sendOnce);
document.querySelectorAll("[data-copy]").forEach(offerCopy);
keepTime();
setInterval(keepTime, 30000);
