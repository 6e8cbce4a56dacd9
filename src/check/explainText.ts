import type { Explanation } from "./explanation.ts";
import { short } from "./values.ts";

/** How an explanation is written. */
export type ExplanationStyle = "markdown" | "plain" | "colours";

/** Statistics listed before the rest is left out. */
const listedStatistics = 8;

/** An explanation as a teacher writes it, one step after the other. */
export function explanationText(
  facts: Omit<Explanation, "markdown" | "text">,
  style: ExplanationStyle,
): string {
  const heading = (text: string): string =>
    style === "markdown" ? `## ${text}\n` : style === "colours" ? `\u001b[1;36m${text}\u001b[0m` : text;
  const code = (text: string): string =>
    style === "markdown" ? `\`${text}\`` : style === "colours" ? `\u001b[33m${text}\u001b[0m` : text;
  const row = (text: string): string => (style === "markdown" ? `- ${text}` : `  ${text}`);
  const { shape, reducedAxes, groups, count, sets, centered, statistics, eps, element, running } = facts;
  const list = (values: Float64Array): string => {
    const shown = Array.from(values.subarray(0, listedStatistics), (value) => short(value, 6)).join(", ");
    return values.length > listedStatistics ? `${shown}, ... (${values.length})` : shown;
  };
  const cut = groups > 1 ? `, the channels in ${groups} groups` : "";
  const lines = [
    heading(`${facts.layer}, ${facts.training ? "training" : "eval"}`),
    row(
      `Input of shape ${code(`(${shape.join(", ")})`)}, ${shape.reduce((size, extent) => size * extent, 1)} values.`,
    ),
    row(
      statistics === "batch"
        ? `Reduced axes: ${code(reducedAxes.join(", "))}${cut}: ${sets} ${sets === 1 ? "statistic" : "statistics"}, each over n = ${count} values.`
        : "The running statistics normalize, one mean and variance for each channel; x's own are not taken.",
    ),
    "",
    heading("Statistics"),
  ];
  if (centered) lines.push(row(`mean = sum(x) / n: ${code(list(facts.mean))}`));
  const formula = centered
    ? "variance = sum((x - mean)^2) / n (biased, ddof 0)"
    : "mean square = sum(x^2) / n";
  lines.push(row(`${formula}: ${code(list(facts.variance))}`));
  lines.push(
    row(
      `rstd = 1 / sqrt(${centered ? "variance" : "mean square"} + ${short(eps)}): ${code(list(facts.rstd))}`,
    ),
  );
  const { position, x, mean, variance, rstd, xhat, weight, bias, y } = element;
  lines.push("", heading(`The element at [${position.join(", ")}]`));
  lines.push(row(`x = ${code(short(x, 7))}`));
  if (centered)
    lines.push(row(`x - mean = ${short(x, 7)} - ${short(mean, 7)} = ${code(short(x - mean, 7))}`));
  lines.push(row(`sqrt(${short(variance, 7)} + ${short(eps)}) = ${code(short(1 / rstd, 7))}`));
  lines.push(row(`xhat = ${short(x - mean, 7)} / ${short(1 / rstd, 7)} = ${code(short(xhat, 7))}`));
  lines.push(
    row(
      `y = xhat * weight + bias = ${short(xhat, 7)} * ${short(weight, 7)} + ${short(bias, 7)} = ${code(short(y, 7))}`,
    ),
  );
  if (running !== null) {
    const { momentum, meanBefore, meanAfter, varBefore, varAfter, unbiasedBy } = running;
    lines.push("", heading("Running statistics"));
    const moved =
      meanBefore.some((value, c) => value !== meanAfter[c]) ||
      varBefore.some((value, c) => value !== varAfter[c]);
    lines.push(row(`running_mean: ${code(list(meanBefore))} before, ${code(list(meanAfter))} after`));
    lines.push(row(`running_var: ${code(list(varBefore))} before, ${code(list(varAfter))} after`));
    if (moved) {
      const weightOfNew = momentum === null ? "1 / batches seen" : short(momentum);
      lines.push(
        row(
          `running = (1 - ${weightOfNew}) * running + ${weightOfNew} * batch; momentum weighs the new value`,
        ),
      );
      lines.push(row(`the batch's variance enters unbiased: times n / (n - 1) = ${short(unbiasedBy, 7)}`));
    } else lines.push(row("They do not move in this call."));
  }
  return lines.join("\n");
}
