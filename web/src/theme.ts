// SPDX-License-Identifier: Apache-2.0
// Light, dark, or as the machine says: the switch goes between the two and is remembered.
const name = "calotype.theme";

export function applyTheme(): void {
  const chosen = localStorage.getItem(name);
  if (chosen) document.documentElement.dataset.theme = chosen;
}

export function isDark(): boolean {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

export function switchTheme(): void {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem(name, theme);
}
