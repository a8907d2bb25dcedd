import { useEffect, useRef, useState } from "preact/hooks";

export interface ShownConfig {
  /** What it is the configuration of. */
  title: string;
  yaml: string;
  fileName: string;
}

/** Shows a configuration over the page, to be copied or downloaded. Escape closes it; the focus goes back to where it was. */
export function ConfigDialog({ shown, onClose }: { shown: ShownConfig; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [said, setSaid] = useState("");
  useEffect(() => {
    const opener = document.activeElement as HTMLElement | null;
    dialog.current!.showModal();
    return () => opener?.focus();
  }, []);
  const copy = async () =>
    setSaid((await copied(shown.yaml, dialog.current!)) ? "Copied." : "The browser refused to copy.");
  return (
    <dialog ref={dialog} aria-labelledby="config-title" onClose={onClose} {...{ closedby: "any" }}>
      <div class="sheet">
        <header>
          <h2 id="config-title">{shown.title}</h2>
          <button type="button" class="plain" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </header>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard */}
        <section class="yaml" tabIndex={0} aria-label="Configuration as YAML">
          <pre>{shown.yaml}</pre>
        </section>
        <footer>
          <button type="button" class="primary" onClick={copy}>
            Copy
          </button>
          <button type="button" class="plain" onClick={() => download(shown)}>
            Download {shown.fileName}
          </button>
          <span role="status">{said}</span>
        </footer>
      </div>
    </dialog>
  );
}

/** Over plain HTTP and a name other than localhost browsers have no clipboard for pages; the old way works there. */
async function copied(text: string, inside: HTMLElement): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "hidden";
    inside.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function download({ yaml, fileName }: ShownConfig): void {
  const url = URL.createObjectURL(new Blob([yaml], { type: "application/yaml" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = fileName;
  link.click();
  URL.revokeObjectURL(url);
}
