import { useEffect, useState } from "preact/hooks";

const CHOICES = ["auto", "light", "dark"] as const;
type Choice = (typeof CHOICES)[number];

/** The report's pages keep their choice under the same name. */
const STORED_AS = "understudy-theme";

/** Colours as the system has them, light, or dark. */
export function ThemeButton() {
  const [choice, setChoice] = useState<Choice>(stored);
  useEffect(() => {
    const root = document.documentElement;
    if (choice === "auto") root.removeAttribute("data-theme");
    else root.setAttribute("data-theme", choice);
    try {
      localStorage.setItem(STORED_AS, choice);
    } catch {
      // Not every browser lets pages store something.
    }
  }, [choice]);
  const next = () => setChoice(CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length]!);
  return (
    <button
      type="button"
      class="plain"
      id="theme"
      title="Colours: as the system has them, light or dark"
      onClick={next}
    >
      Theme: {choice}
    </button>
  );
}

function stored(): Choice {
  try {
    const found = localStorage.getItem(STORED_AS);
    return CHOICES.find((choice) => choice === found) ?? "auto";
  } catch {
    return "auto";
  }
}
