import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { useAddress } from "./urlState.ts";

interface Part {
  readonly title: string;
  readonly question: string;
  /** Loaded when it is first shown. */
  readonly load: () => Promise<ComponentType>;
}

const parts: Readonly<Record<string, Part>> = {
  see: {
    title: "See",
    question: "Which cells share one mean and variance?",
    load: async () => (await import("./see/See.tsx")).See,
  },
  check: {
    title: "Check",
    question: "Which normalization made this output?",
    load: async () => (await import("./check/Check.tsx")).Check,
  },
  checkpoint: {
    title: "Checkpoint",
    question: "Are the layers in this file sane?",
    load: async () => (await import("./checkpoint/Checkpoint.tsx")).Checkpoint,
  },
  speed: {
    title: "Speed",
    question: "How fast is it in this browser?",
    load: async () => (await import("./speed/Speed.tsx")).Speed,
  },
};

const first = "see";

/** The page: a heading, the four parts as links, and the one that the address names. */
export function App() {
  const { part: named } = useAddress();
  const name = named in parts ? named : first;
  const part = parts[name] as Part;
  useEffect(() => {
    document.title = `${part.title} · Evenkeel playground`;
  }, [part]);
  return (
    <>
      <button type="button" class="skip" onClick={focusContent}>
        Skip to the content
      </button>
      <header class="top">
        <h1>
          Evenkeel <span class="quiet">playground</span>
        </h1>
        <nav aria-label="Parts">
          {Object.entries(parts).map(([key, { title }]) => (
            <a key={key} href={`#${key}`} aria-current={key === name ? "page" : undefined}>
              {title}
            </a>
          ))}
        </nav>
      </header>
      <main id="content" tabIndex={-1}>
        <p class="question">{part.question}</p>
        <Loaded key={name} part={part} />
      </main>
      <footer class="quiet">Everything is computed in this page; no array or file leaves it.</footer>
    </>
  );
}

function focusContent(): void {
  document.getElementById("content")?.focus();
}

function Loaded({ part }: { readonly part: Part }) {
  const [Content, setContent] = useState<ComponentType | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    let isGone = false;
    part
      .load()
      .then((component) => !isGone && setContent(() => component))
      .catch((error: unknown) => !isGone && setFailure(String(error)));
    return () => {
      isGone = true;
    };
  }, [part]);
  if (failure !== null) return <p role="alert">This part could not be loaded: {failure}</p>;
  return Content === null ? <p aria-live="polite">Loading …</p> : <Content />;
}
