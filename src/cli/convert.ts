import { Command, InvalidArgumentError, Option } from "commander";
import {
  type Convention,
  type Conversion,
  conventions,
  convert,
  type LayerConfiguration,
  type OptionValue,
  openCheckpoint,
  type PerLayer,
} from "../checkpoints/index.ts";
import { pythonValue } from "../layers/python.ts";
import { shapeText } from "../tensor/shape.ts";
import { writerFor } from "./checkpointWriter.ts";
import { number } from "./numbers.ts";

interface ConvertFlags {
  readonly from: Convention | "auto";
  readonly to: Convention;
  readonly output?: string;
  readonly count?: LayerValues<number>;
  readonly eps?: LayerValues<number>;
  readonly momentum?: LayerValues<number | null>;
  readonly json?: boolean;
}

/** `evenkeel convert`: a checkpoint in another framework's convention. */
export function convertCommand(): Command {
  const names = Object.keys(conventions);
  return new Command("convert")
    .description("Rewrite a checkpoint's normalization layers in another framework's convention.")
    .argument("<file>", "checkpoint: safetensors, its index or directory, .npz, or PyTorch's .pt")
    .addOption(
      new Option("--from <convention>", "the framework that wrote it")
        .choices(["auto", ...names])
        .default("auto"),
    )
    .addOption(
      new Option("--to <convention>", "the framework to write for").choices(names).makeOptionMandatory(),
    )
    .option(
      "-o, --output <file>",
      "where the result goes, .safetensors or .npz; without it nothing is written",
    )
    .option(
      "--count <n>",
      "values per channel in a batch, to rescale the running variance",
      layerValues(number),
    )
    .option("--eps <number>", "eps of the source's layers, if not its default", layerValues(number))
    .option("--momentum <number>", "momentum of the source's layers, or none", layerValues(numberOrNone))
    .option("--json", "print a JSON object instead of text")
    .addHelpText(
      "after",
      "\n--count, --eps and --momentum take a value for all layers, or layer=value, and may be repeated." +
        "\n\nExamples:\n  evenkeel convert model.safetensors --to keras\n" +
        "  evenkeel convert mge.npz --from megengine --to torch -o torch.safetensors --eps 1e-5 --eps bn3=0.001",
    )
    .action(convertFile);
}

async function convertFile(path: string, flags: ConvertFlags): Promise<void> {
  const write = flags.output === undefined ? undefined : writerFor("convert", flags.output);
  const file = await openCheckpoint(path);
  try {
    const asked = new Set<string>();
    const conversion = await convert(file, {
      from: flags.from,
      to: flags.to,
      ...perLayer("count", flags.count, asked),
      ...perLayer("eps", flags.eps, asked),
      ...perLayer("momentum", flags.momentum, asked),
    });
    const layers = conversion.configuration.map(({ sourceLayer }) => sourceLayer);
    for (const layer of asked) {
      if (!layers.includes(layer)) {
        throw new RangeError(
          `no normalization layer ${JSON.stringify(layer)} in the checkpoint; it holds ${layers.join(", ")}`,
        );
      }
    }
    if (write !== undefined) await write(conversion.tensors);
    const result = withFormatNotes(conversion, flags.output);
    if (flags.json) console.log(JSON.stringify(summaryOf(path, flags.output, result)));
    else console.log(textOf(path, flags.output, result).join("\n"));
  } finally {
    await file.close();
  }
}

function withFormatNotes(conversion: Conversion, output: string | undefined): Conversion {
  if (!output?.endsWith(".npz") || conversion.tensors.metadata.size === 0) return conversion;
  const note = "npz has no place for the metadata, which is lost, with the numbers of batches in it";
  return { ...conversion, notes: [...conversion.notes, note] };
}

function summaryOf(input: string, output: string | undefined, conversion: Conversion): object {
  const { from, to, reason, changes, configuration, notes } = conversion;
  return { input, output: output ?? null, from, to, reason, changes, configuration, notes };
}

function textOf(input: string, output: string | undefined, conversion: Conversion): string[] {
  const { from, to, reason, tensors, changes, configuration, notes } = conversion;
  const lines = [`${input}: ${conventions[from].title}, ${reason}`];
  for (const layer of configuration) {
    lines.push("", ...layerLines(layer));
    for (const { layer: name, change, from: key, to: target, detail } of changes) {
      if (name !== layer.sourceLayer) continue;
      const keys =
        key !== undefined && target !== undefined && key !== target ? `${key} to ${target}` : (key ?? target);
      lines.push(`  ${change.padEnd(8)} ${keys}${detail === undefined ? "" : `: ${detail}`}`);
    }
  }
  lines.push("", ...notes.map((note) => `note: ${note}`));
  lines.push(
    output === undefined
      ? `nothing written; say --output to write it for ${conventions[to].title}`
      : `${output}: ${tensors.names.length} tensors for ${conventions[to].title}`,
  );
  return lines;
}

function layerLines({ layer, kind, kindBy, type, options, defaults }: LayerConfiguration): string[] {
  const doubt = kindBy === "guess" ? ", a guess: neither keys nor name tell the kind" : "";
  const lines = [`${layer || "the layer"}: ${kind}${doubt}`];
  if (type !== null) lines.push(`  make it  ${type}(${callText(options)})`);
  if (Object.keys(defaults).length > 0) lines.push(`  instead of the default ${callText(defaults)}`);
  return lines;
}

function callText(options: Readonly<Record<string, OptionValue>>): string {
  return Object.entries(options)
    .map(([name, value]) => `${name}=${valueText(name, value)}`)
    .join(", ");
}

function valueText(name: string, value: OptionValue): string {
  if (value === null && /groups/.test(name)) return "?";
  if (typeof value === "object" && value !== null) return shapeText(value);
  const isReal = /^(eps|epsilon|momentum)$/.test(name);
  return typeof value === "number" && !isReal ? String(value) : pythonValue(value);
}

/** A value for all layers, and values by layer. */
interface LayerValues<T> {
  readonly all?: T;
  readonly byLayer: ReadonlyMap<string, T>;
}

/** Gathers `value` and `layer=value` of an option that comes several times. */
function layerValues<T>(
  parse: (text: string) => T,
): (text: string, before: LayerValues<T> | undefined) => LayerValues<T> {
  return (text, before = { byLayer: new Map() }) => {
    const split = text.lastIndexOf("=");
    const value = parse(text.slice(split + 1));
    if (split >= 0)
      return { ...before, byLayer: new Map([...before.byLayer, [text.slice(0, split), value]]) };
    if (before.all !== undefined) throw new InvalidArgumentError("expected one value for all layers");
    return { ...before, all: value };
  };
}

/** An option of `convert`, if it is given; names of layers go to `asked`. */
function perLayer<T, Name extends string>(
  name: Name,
  values: LayerValues<T> | undefined,
  asked: Set<string>,
): { readonly [Key in Name]?: PerLayer<T> } {
  if (values === undefined) return {};
  for (const layer of values.byLayer.keys()) asked.add(layer);
  const valueFor = (layer: string): T | undefined =>
    values.byLayer.has(layer) ? values.byLayer.get(layer) : values.all;
  return { [name]: valueFor } as { readonly [Key in Name]?: PerLayer<T> };
}

function numberOrNone(text: string): number | null {
  return text.toLowerCase() === "none" ? null : number(text);
}
