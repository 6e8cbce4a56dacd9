import type { Layout } from "evenkeel";
import { addressOf, type Extents, type Statistic } from "./norms.ts";

interface CellDetailProps {
  readonly extents: Extents;
  readonly place: Extents;
  readonly layout: Layout;
  readonly x: number;
  readonly y: number;
  readonly statistic: Statistic;
  readonly eps: number;
  readonly centered: boolean;
}

/** Six significant digits, without an exponent where that is readable. */
export function digitsOf(value: number): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(6))) : String(value);
}

/** One cell: where it is, what it shares, and the formula with its numbers. */
export function CellDetail({ extents, place, layout, x, y, statistic, eps, centered }: CellDetailProps) {
  const [n, c, h, w] = place;
  const { count, mean, variance } = statistic;
  const spread = centered ? "variance" : "mean square";
  const size = extents.reduce((product, extent) => product * extent, 1);
  return (
    <div class="stack" aria-live="polite">
      <p class="tight">
        Sample <b>{n}</b>, channel <b>{c}</b>, row <b>{h}</b>, column <b>{w}</b>; number{" "}
        {addressOf(extents, place, layout) + 1} of {size} in memory. <b data-testid="count">{count}</b>{" "}
        {count === 1 ? "cell makes" : "cells make"} its statistic:
      </p>
      <table>
        <tbody>
          {centered && (
            <tr>
              <th scope="row">mean</th>
              <td class="mono" data-testid="mean">
                {digitsOf(mean)}
              </td>
            </tr>
          )}
          <tr>
            <th scope="row">{spread}</th>
            <td class="mono" data-testid="variance">
              {digitsOf(variance)}
            </td>
          </tr>
          <tr>
            <th scope="row">before, x</th>
            <td class="mono">{digitsOf(x)}</td>
          </tr>
          <tr>
            <th scope="row">after, y</th>
            <td class="mono" data-testid="y">
              {digitsOf(y)}
            </td>
          </tr>
        </tbody>
      </table>
      <div class="formula">
        <math>
          <mi>y</mi>
          <mo>=</mo>
          <mfrac>
            {centered ? (
              <mrow>
                <mi>x</mi>
                <mo>−</mo>
                <mtext>mean</mtext>
              </mrow>
            ) : (
              <mi>x</mi>
            )}
            <msqrt>
              <mtext>{spread}</mtext>
              <mo>+</mo>
              <mtext>eps</mtext>
            </msqrt>
          </mfrac>
        </math>
        <math>
          <mo>=</mo>
          <mfrac>
            {centered ? (
              <mrow>
                <Digits value={x} />
                <mo>−</mo>
                {mean < 0 ? <Bracketed value={mean} /> : <Digits value={mean} />}
              </mrow>
            ) : (
              <Digits value={x} />
            )}
            <msqrt>
              <Digits value={variance} />
              <mo>+</mo>
              <Digits value={eps} />
            </msqrt>
          </mfrac>
        </math>
        <math>
          <mo>=</mo>
          <Digits value={y} />
        </math>
      </div>
    </div>
  );
}

/** A number in a formula, with the minus sign that formulas have. */
function Digits({ value }: { readonly value: number }) {
  return <mn>{digitsOf(value).replace("-", "−")}</mn>;
}

function Bracketed({ value }: { readonly value: number }) {
  return (
    <mrow>
      <mo>(</mo>
      <Digits value={value} />
      <mo>)</mo>
    </mrow>
  );
}
