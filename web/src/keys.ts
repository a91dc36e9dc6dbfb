// SPDX-License-Identifier: Apache-2.0
// Asking for an API key. It stays in this tab's sessionStorage, and goes nowhere but to this server.
import { apiKey, setApiKey, whenKeyIsNeeded } from "./api";
import { button, el, toast } from "./dom";
import { openDialog } from "./dialog";

let asking = false;

export async function askForKey(given: () => void, reason = ""): Promise<void> {
  if (asking) return;
  asking = true;
  const field = el("input", { attrs: { type: "password", name: "key", autocomplete: "off",
    placeholder: "cal_…", "aria-describedby": "key-reason", id: "key-field" } });
  field.value = apiKey();
  const save = () => {
    setApiKey(field.value.trim());
    dialog.close();
    toast(field.value.trim() ? "The key is used in this tab" : "The key is forgotten");
    given();
  };
  const form = el("form", { on: { submit: (event) => {
    event.preventDefault();
    save();
  } } }, el("label", { attrs: { for: "key-field" } }, "API key"), field,
    el("p", { class: "faint", attrs: { id: "key-reason" } }, reason ||
      "Only needed where the server has keys in force. To look it takes the scope read, to add " +
      "and change write, for jobs admin. It is kept in this tab only."));
  const forget = button("Forget it", () => {
    field.value = "";
    save();
  }, { class: "quiet" });
  form.append(el("footer", {}, apiKey() ? forget : null,
    el("button", { class: "primary", attrs: { type: "submit" } }, "Use this key")));
  const dialog = openDialog("Key", "key", form);
  field.focus();
  await dialog.closed;
  asking = false;
}

export function watchKeys(given: () => void): void {
  whenKeyIsNeeded((problem) => void askForKey(given, problem.message));
}
