import { useCallback, useEffect, useState } from "preact/hooks";

/** How one value stands in the address: as text, and back; undefined for text that says nothing valid. */
export interface Codec<T> {
  readonly format: (value: T) => string;
  readonly parse: (text: string) => T | undefined;
}

/** One of a few words. */
export function oneOf<const T extends string>(words: readonly T[]): Codec<T> {
  return { format: (word) => word, parse: (text) => words.find((word) => word === text) };
}

/** A number within bounds. */
export function numberIn(least: number, most: number): Codec<number> {
  return {
    format: String,
    parse: (text) => {
      const value = Number(text);
      return text.trim() !== "" && value >= least && value <= most ? value : undefined;
    },
  };
}

/** An integer within bounds. */
export function integerIn(least: number, most: number): Codec<number> {
  const { format, parse } = numberIn(least, most);
  return { format, parse: (text) => (Number.isInteger(parse(text)) ? parse(text) : undefined) };
}

/** On or off. */
export const onOff: Codec<boolean> = {
  format: (value) => (value ? "on" : "off"),
  parse: (text) => (text === "on" ? true : text === "off" ? false : undefined),
};

/** Any text. */
export const anyText: Codec<string> = { format: (text) => text, parse: (text) => text };

const changed = "evenkeel:address";

/** The part of the page that the address names, and its values: `#check?meant=BatchNorm2d`. */
export function readAddress(hash: string = location.hash): {
  readonly part: string;
  readonly values: URLSearchParams;
} {
  const [part = "", query = ""] = hash.replace(/^#/, "").split(/\?(.*)/s);
  return { part, values: new URLSearchParams(query) };
}

function writeAddress(part: string, values: URLSearchParams): void {
  const query = values.toString();
  history.replaceState(null, "", `#${part}${query === "" ? "" : `?${query}`}`);
  dispatchEvent(new Event(changed));
}

/** The address as it is now; the component is drawn again when it changes. */
export function useAddress(): ReturnType<typeof readAddress> {
  const [address, setAddress] = useState(readAddress);
  useEffect(() => {
    const update = (): void => setAddress(readAddress());
    addEventListener("hashchange", update);
    addEventListener(changed, update);
    return () => {
      removeEventListener("hashchange", update);
      removeEventListener(changed, update);
    };
  }, []);
  return address;
}

/**
 * A value kept in the address, so that the page can be shared as it stands; at its default it takes no room there.
 *
 * @example
 * const [groups, setGroups] = useUrlState("groups", 2, integerIn(1, 64));
 */
export function useUrlState<T>(
  name: string,
  initial: T,
  { format, parse }: Codec<T>,
): readonly [T, (value: T) => void] {
  const { values } = useAddress();
  const text = values.get(name);
  const value = (text === null ? undefined : parse(text)) ?? initial;
  const set = useCallback(
    (next: T) => {
      const address = readAddress();
      if (format(next) === format(initial)) address.values.delete(name);
      else address.values.set(name, format(next));
      writeAddress(address.part, address.values);
    },
    [name, initial, format],
  );
  return [value, set];
}
