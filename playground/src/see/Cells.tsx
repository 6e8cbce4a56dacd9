import { useMemo } from "preact/hooks";
import type { Extents } from "./norms.ts";
import { places } from "./norms.ts";

/** What the cells' colours tell. */
export const colourings = ["sets", "before", "after"] as const;
export type Colouring = (typeof colourings)[number];

interface CellsProps {
  readonly extents: Extents;
  /** Colour of each cell, in (N, C, H, W) order. */
  readonly colours: readonly string[];
  /** Number of the statistic of each cell. */
  readonly setOf: readonly number[];
  readonly selected: number;
  readonly onSelect: (cell: number) => void;
  /** What is said of the selected cell. */
  readonly label: string;
}

const cell = 20;
/** Cells do not shrink further than this; a wider stack scrolls. */
const smallest = 0.72;
/** Height gained per channel: the sheets stand aslant. */
const slope = 0.16;
const depth = 7;
const gap = 24;
const top = 26;
const left = 22;

/** The stack of cells: one sheet for each sample, channels from left to right, positions from top to bottom. */
export function Cells({ extents, colours, setOf, selected, onSelect, label }: CellsProps) {
  const [samples, channels, height, width] = extents;
  const positions = height * width;
  const sheetWidth = channels * cell;
  const lift = sheetWidth * slope;
  const total = samples * (sheetWidth + depth + gap) - gap;
  const chosen = setOf[selected];
  const all = useMemo(() => places(extents), [extents]);
  const move = (event: KeyboardEvent): void => {
    const next = neighbour(event.key, all[selected] as Extents, extents);
    if (next === null) return;
    event.preventDefault();
    onSelect(indexOf(next, extents));
  };
  const pick = ({ target }: Event): void => {
    const index = (target as Element).getAttribute("data-cell");
    if (index !== null) onSelect(Number(index));
  };
  return (
    <div class="wide">
      <svg
        class="cells"
        role="application"
        aria-roledescription="stack of cells"
        aria-label={label}
        tabindex={0}
        viewBox={`${-left} ${-top - lift} ${total + left + depth} ${top + lift + positions * cell + 34}`}
        style={{ minWidth: `${Math.round(total * smallest)}px` }}
        onPointerOver={pick}
        onClick={pick}
        onKeyDown={move}
      >
        {Array.from({ length: samples }, (_, n) => (
          <g key={n} transform={`translate(${n * (sheetWidth + depth + gap)} 0) skewY(${-slopeDegrees})`}>
            <path class="edge" d={sidesOf(sheetWidth, positions * cell)} />
            {all.slice(n * channels * positions, (n + 1) * channels * positions).map(([, c, h, w], i) => {
              const index = n * channels * positions + i;
              const shares = setOf[index] === chosen;
              return (
                <rect
                  key={index}
                  data-cell={index}
                  class={shares ? "cell" : "cell other"}
                  x={c * cell}
                  y={(h * width + w) * cell}
                  width={cell}
                  height={cell}
                  fill={colours[index]}
                />
              );
            })}
            {all[selected]?.[0] === n && <Chosen place={all[selected] as Extents} width={width} />}
            <text x={sheetWidth / 2} y={positions * cell + 20} text-anchor="middle">
              sample {n}
            </text>
            {n === 0 && (
              <>
                <text x={0} y={-9}>
                  C →
                </text>
                <text transform={`translate(-4 ${positions * cell}) rotate(-90)`} x={0} y={0}>
                  ← H, W
                </text>
              </>
            )}
          </g>
        ))}
      </svg>
    </div>
  );
}

/** A frame around the chosen cell, above its neighbours. */
function Chosen({ place: [, c, h, w], width }: { readonly place: Extents; readonly width: number }) {
  return <rect class="selected" x={c * cell} y={(h * width + w) * cell} width={cell} height={cell} />;
}

const slopeDegrees = (Math.atan(slope) * 180) / Math.PI;

/** The right and the upper side of a sheet, which make it a slab. */
function sidesOf(width: number, height: number): string {
  return (
    `M${width} 0 l${depth} ${-depth / 2} v${height} l${-depth} ${depth / 2} z ` +
    `M0 0 l${depth} ${-depth / 2} h${width} l${-depth} ${depth / 2} z`
  );
}

function indexOf([n, c, h, w]: Extents, [, channels, height, width]: Extents): number {
  return ((n * channels + c) * height + h) * width + w;
}

/** The cell that a key leads to; null for other keys. */
function neighbour(key: string, [n, c, h, w]: Extents, extents: Extents): Extents | null {
  const [samples, channels, height, width] = extents;
  const position = h * width + w;
  const to = (sample: number, channel: number, place: number): Extents => {
    const inside = (value: number, count: number): number => Math.min(Math.max(value, 0), count - 1);
    const at = inside(place, height * width);
    return [inside(sample, samples), inside(channel, channels), Math.floor(at / width), at % width];
  };
  switch (key) {
    case "ArrowLeft":
      return c === 0 && n > 0 ? to(n - 1, channels - 1, position) : to(n, c - 1, position);
    case "ArrowRight":
      return c === channels - 1 && n < samples - 1 ? to(n + 1, 0, position) : to(n, c + 1, position);
    case "ArrowUp":
      return to(n, c, position - 1);
    case "ArrowDown":
      return to(n, c, position + 1);
    case "PageUp":
      return to(n - 1, c, position);
    case "PageDown":
      return to(n + 1, c, position);
    case "Home":
      return to(0, 0, 0);
    case "End":
      return to(samples, channels, height * width);
    default:
      return null;
  }
}
