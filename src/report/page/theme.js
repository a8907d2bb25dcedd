// Switches the colours: as the system has them, light, dark. The choice is kept where the browser allows it.
(() => {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const choices = ["auto", "light", "dark"];
  let storage = null;
  try {
    storage = window.localStorage;
  } catch {
    // Some browsers refuse storage to pages opened from a file.
  }
  const show = (choice) => {
    if (choice === "auto") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", choice);
    button.textContent = `Theme: ${choice}`;
    window.dispatchEvent(new Event("themechange"));
  };
  let current = storage?.getItem("understudy-theme") ?? "auto";
  if (!choices.includes(current)) current = "auto";
  show(current);
  button.addEventListener("click", () => {
    current = choices[(choices.indexOf(current) + 1) % choices.length];
    storage?.setItem("understudy-theme", current);
    show(current);
  });
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", () => window.dispatchEvent(new Event("themechange")));
})();
