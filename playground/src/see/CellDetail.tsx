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
  const size = extents.reduce((product, extent) => product * extent, 1);
  return (
    <div class="stack" aria-live="polite">
      <p class="tight">
        Sample <b>{n}</b>, channel <b>{c}</b>, row <b>{h}</b>, column <b>{w}</b>; value{" "}
        {addressOf(extents, place, layout)} of {size} in memory. It shares its statistic with{" "}
        <b data-testid="count">{count - 1}</b> other cells.
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
            <th scope="row">{centered ? "variance" : "mean square"}</th>
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
        {centered ? (
          <math display="block">
            <mi>y</mi>
            <mo>=</mo>
            <mfrac>
              <mrow>
                <mi>x</mi>
                <mo>−</mo>
                <mtext>mean</mtext>
              </mrow>
              <msqrt>
                <mtext>variance</mtext>
                <mo>+</mo>
                <mtext>eps</mtext>
              </msqrt>
            </mfrac>
            <mo>=</mo>
            <mfrac>
              <mrow>
                <mn>{digitsOf(x)}</mn>
                <mo>−</mo>
                <mn>{mean < 0 ? `(${digitsOf(mean)})` : digitsOf(mean)}</mn>
              </mrow>
              <msqrt>
                <mn>{digitsOf(variance)}</mn>
                <mo>+</mo>
                <mn>{digitsOf(eps)}</mn>
              </msqrt>
            </mfrac>
            <mo>=</mo>
            <mn>{digitsOf(y)}</mn>
          </math>
        ) : (
          <math display="block">
            <mi>y</mi>
            <mo>=</mo>
            <mfrac>
              <mi>x</mi>
              <msqrt>
                <mtext>mean square</mtext>
                <mo>+</mo>
                <mtext>eps</mtext>
              </msqrt>
            </mfrac>
            <mo>=</mo>
            <mfrac>
              <mn>{digitsOf(x)}</mn>
              <msqrt>
                <mn>{digitsOf(variance)}</mn>
                <mo>+</mo>
                <mn>{digitsOf(eps)}</mn>
              </msqrt>
            </mfrac>
            <mo>=</mo>
            <mn>{digitsOf(y)}</mn>
          </math>
        )}
      </div>
    </div>
  );
}
