/** A float as Python's repr prints it: `1e-05`, `0.1`, `1.0`. */
export function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  const [digits, exponent] = value.toExponential().split("e");
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 16)) {
    return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  const decimal = value.toFixed(Math.max(0, digits.replace(/[-.]/g, "").length - 1 - power));
  return decimal.includes(".") ? decimal : `${decimal}.0`;
}

/** A value as Python's repr prints it, numbers as floats. */
export function pythonValue(value: boolean | number | null): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return pythonFloat(value);
}
