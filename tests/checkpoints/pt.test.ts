import { describe, expect, test } from "vitest";
import { openPt } from "../../src/checkpoints/index.ts";
import { countingSource, rejection } from "./files.ts";
import {
  dict,
  get,
  global,
  int,
  list,
  long,
  named,
  none,
  type Piece,
  type PtFileOptions,
  pickle,
  ptFile,
  put,
  reduce,
  sixFloats,
  storage,
  text,
  tuple,
  view,
} from "./ptFile.ts";
import { zipFile } from "./zipFile.ts";

const stateDict = named({
  "bn.weight": view(),
  "bn.bias": view({ offset: int(3), size: tuple(int(3)), stride: tuple(int(1)) }),
});

async function namesOf(value: Piece): Promise<readonly string[]> {
  return (await openPt(ptFile(pickle(value)))).names;
}

async function expectRefusal(file: Uint8Array, message: string): Promise<void> {
  const error = await rejection(openPt(file));
  expect(error).toBeInstanceOf(RangeError);
  expect(error.message).toBe(`openPt: bytes: ${message}`);
}

function expectRefused(value: Piece, message: string, options: PtFileOptions = {}): Promise<void> {
  return expectRefusal(ptFile(pickle(value), options), message);
}

test("tensors under their names, read when asked for", async () => {
  const source = countingSource(ptFile(pickle(stateDict)));
  const file = await openPt(source);
  expect([...file.entries]).toEqual([
    ["bn.weight", { dtype: "F32", shape: [2, 3] }],
    ["bn.bias", { dtype: "F32", shape: [3] }],
  ]);
  const reads = source.reads.length;
  expect([...(await file.tensor("bn.bias")).data]).toEqual([4, 5, 6]);
  expect(source.reads.slice(reads).some(([, length]) => length === 12)).toBe(true);
  expect([...(await file.tensor("bn.weight")).data]).toEqual([1, 2, 3, 4, 5, 6]);
  expect([...(await file.tensor("bn.weight")).data]).toEqual([1, 2, 3, 4, 5, 6]);
  await file.close();
  expect(source.closed).toBe(1);
});

test("a name that is not there, and a dtype that no tensor holds", async () => {
  const complex = view({
    type: global("torch", "ComplexFloatStorage"),
    length: int(3),
    size: tuple(int(3)),
    stride: tuple(int(1)),
  });
  const file = await openPt(ptFile(pickle(named({ z: complex }))));
  expect(file.entries.get("z")).toEqual({ dtype: "C64", shape: [3] });
  expect(await file.bytes("z")).toEqual(sixFloats);
  expect((await rejection(file.tensor("z"))).message).toBe(
    'openPt: bytes: tensor "z": expected a dtype that a tensor can hold, got C64; ' +
      "read its raw bytes with openPt(...) and bytes(name)",
  );
  expect((await rejection(file.tensor("y"))).message).toBe(
    'openPt: bytes: expected the name of a tensor, an array [z], got "y"',
  );
});

test("big-endian files, complex numbers part by part", async () => {
  const big = new Uint8Array(sixFloats).reverse();
  const others = { byteorder: new TextEncoder().encode("big") };
  const complex = {
    type: global("torch", "ComplexFloatStorage"),
    key: "1",
    length: int(3),
    size: tuple(int(3)),
    stride: tuple(int(1)),
  };
  const file = await openPt(
    ptFile(pickle(named({ x: view(), z: view(complex) })), { storages: { 0: big, 1: big }, others }),
  );
  expect([...(await file.tensor("x")).data]).toEqual([6, 5, 4, 3, 2, 1]);
  expect([...new Float32Array((await file.bytes("z")).buffer)]).toEqual([6, 5, 4, 3, 2, 1]);
  const little = await openPt(
    ptFile(pickle(stateDict), { others: { byteorder: new TextEncoder().encode("little") } }),
  );
  expect([...(await little.tensor("bn.bias")).data]).toEqual([4, 5, 6]);
});

test("storages without a type, and PyTorch 2's dtypes and rebuilders", async () => {
  const hooks = reduce(global("collections", "OrderedDict"));
  const untyped = (name: string, more: Partial<Parameters<typeof view>[0]> = {}): Piece =>
    view({
      type: global("torch.storage", "UntypedStorage"),
      key: "1",
      length: int(24),
      size: tuple(int(2)),
      stride: tuple(int(1)),
      rebuild: "_rebuild_tensor_v3",
      more: [[0x89], hooks, global("torch", name)],
      ...more,
    });
  const values = {
    u16: untyped("uint16", { offset: int(10) }),
    f8: untyped("float8_e4m3fn"),
    f32: untyped("float32"),
    parameter: reduce(global("torch._utils", "_rebuild_parameter_with_state"), view(), [0x88], hooks, dict()),
    typed: reduce(
      global("torch._tensor", "_rebuild_from_type_v2"),
      global("torch._utils", "_rebuild_tensor_v2"),
      global("torch", "Tensor"),
      tuple(storage(), int(1), tuple(), tuple(), [0x89], hooks),
      dict(),
    ),
    old: view({ rebuild: "_rebuild_tensor", more: [], type: global("torch.cuda", "FloatStorage") }),
    flagged: view({ more: [[0x89], hooks, named({ conj: [0x89] })] }),
  };
  const file = await openPt(ptFile(pickle(named(values)), { storages: { 0: sixFloats, 1: sixFloats } }));
  expect([...file.entries].map(([name, { dtype, shape }]) => [name, dtype, shape])).toEqual([
    ["u16", "U16", [2]],
    ["f8", "F8_E4M3", [2]],
    ["f32", "F32", [2]],
    ["parameter", "F32", [2, 3]],
    ["typed", "F32", []],
    ["old", "F32", [2, 3]],
    ["flagged", "F32", [2, 3]],
  ]);
  expect([...(await file.tensor("u16")).data]).toEqual([0, 0x40c0]);
  expect([...(await file.tensor("typed")).data]).toEqual([2]);
});

describe("names", () => {
  test("the one nested mapping is the root", async () => {
    const file = await openPt(
      ptFile(pickle(named({ checkpoint: named({ model: stateDict, step: int(2) }), epoch: int(3) }))),
    );
    expect(file.root).toBe("checkpoint.model");
    expect(file.names).toEqual(["bn.weight", "bn.bias"]);
    expect([...file.metadata]).toEqual([
      ["checkpoint.step", "2"],
      ["epoch", "3"],
    ]);
  });

  test("two mappings keep their keys", async () => {
    expect(await namesOf(named({ model: stateDict, ema: stateDict }))).toEqual([
      "model.bn.weight",
      "model.bn.bias",
      "ema.bn.weight",
      "ema.bn.bias",
    ]);
  });

  test("a mapping beside a tensor keeps its key", async () => {
    expect(await namesOf(named({ model: stateDict, mean: view() }))).toEqual([
      "model.bn.weight",
      "model.bn.bias",
      "mean",
    ]);
  });

  test("lists count from 0, dicts may count too", async () => {
    expect(await namesOf(list(view(), dict([int(7), tuple(view())])))).toEqual(["0", "1.7.0"]);
  });

  test("names that objects of JavaScript have already", async () => {
    expect(await namesOf(named({ ["__proto__"]: view(), constructor: view(), "": view() }))).toEqual([
      "__proto__",
      "constructor",
      "",
    ]);
  });

  test("no tensor at all", async () => {
    const file = await openPt(ptFile(pickle(int(3))));
    expect([file.root, file.names, [...file.metadata]]).toEqual(["", [], []]);
  });

  test("what is neither a tensor nor simple is passed over", async () => {
    const values = dict(
      [text("w"), view()],
      [tuple(int(1)), int(2)],
      [none, int(3)],
      [text("bytes"), [0x43, 1, 7]],
      [text("long"), long(2n ** 64n)],
      [text("pairs"), reduce(global("collections", "OrderedDict"), list(tuple(text("a"), int(1))))],
      [text("loss"), list(int(1))],
      [text("set"), reduce(global("__builtin__", "set"), list(int(1)))],
      [text("storage"), storage()],
      [text("dtype"), global("torch", "float32")],
      [text("no set"), reduce(global("builtins", "frozenset"))],
    );
    const file = await openPt(ptFile(pickle(values)));
    expect(file.names).toEqual(["w"]);
    expect([...file.metadata]).toEqual([
      ["long", "18446744073709551616"],
      ["pairs.a", "1"],
    ]);
  });

  test.each<[string, Piece, string]>([
    [
      "the same name twice",
      dict([text("a"), named({ b: view() })], [text("a.b"), view()]),
      'expected each name once, got "a.b" twice',
    ],
    [
      "a tensor under None",
      dict([none, view()]),
      "expected the names of tensors to be strings or integers, got None",
    ],
    [
      "a tensor under a tuple",
      dict([tuple(int(1)), view()]),
      "expected the names of tensors to be strings or integers, got a tuple",
    ],
    [
      "a list in itself",
      [...put(0, [0x5d]), ...get(0), 0x61],
      "expected a finite value, got a list that contains itself",
    ],
    [
      "a dict in itself",
      [...put(0, [0x7d]), ...text("a"), ...get(0), 0x73],
      "expected a finite value, got a dict that contains itself",
    ],
    [
      "201 lists",
      [...Array<number>(201).fill(0x5d), ...Array<number>(200).fill(0x61)],
      "expected at most 200 nested containers, got more",
    ],
  ])("%s is refused", (_name, value, message) => expectRefused(value, message));

  test("lists that share lists are not spelled out", async () => {
    const doubled = (index: number): Piece => put(index + 1, list(get(index), get(index)));
    const chain = Array.from({ length: 30 }, (_, index) => [...doubled(index), 0x30]).flat();
    const error = await rejection(openPt(ptFile(pickle([...put(0, view()), 0x30, ...chain, ...get(30)]))));
    expect(error.message).toMatch(
      /expected at most as many values as the pickle has bytes \(\d+\), got more: lists that share lists/,
    );
  });

  test("long keys are not repeated without end", async () => {
    const many = list(...Array<Piece>(1000).fill(get(0)));
    const value: Piece = [
      ...put(0, view()),
      0x30,
      ...dict([text("k".repeat(20_000)), many], [text("x"), get(0)]),
    ];
    const error = await rejection(openPt(ptFile(pickle(value))));
    expect(error.message).toMatch(/expected names of at most \d+ characters, got more/);
  });
});

describe("what is no view is refused", () => {
  const torchTensor = global("torch", "Tensor");
  const at = "tensor of archive/data/0: ";
  test.each<[string, Piece, string]>([
    [
      "an offset beyond the end",
      view({ offset: int(1) }),
      `${at}expected a view within 6 elements, got shape (2, 3) with strides (3, 1) from element 1 on: it ends at 7`,
    ],
    [
      "a stride beyond the end",
      view({ stride: tuple(int(4), int(1)) }),
      `${at}expected a view within 6 elements, got shape (2, 3) with strides (4, 1) from element 0 on: it ends at 7`,
    ],
    [
      "an extent that overflows",
      view({ stride: tuple(long(2n ** 53n - 1n), long(2n ** 53n - 1n)) }),
      `${at}expected a view within 6 elements, got shape (2, 3) with strides (9007199254740991, 9007199254740991) from element 0 on: it ends at 27021597764222976`,
    ],
    [
      "a size that overflows",
      view({ size: tuple(long(2n ** 40n), long(2n ** 40n)), stride: tuple(int(0), int(0)) }),
      `${at}expected a size that 2^53 - 1 bytes can hold, got shape (1099511627776, 1099511627776)`,
    ],
    [
      "an empty view beyond the end",
      view({ offset: int(7), size: tuple(int(0), int(3)) }),
      `${at}expected a view within 6 elements, got shape (0, 3) with strides (3, 1) from element 7 on: it ends at 7`,
    ],
    [
      "a negative stride",
      view({ stride: tuple(int(-3), int(1)) }),
      `${at}expected its stride to be integers from 0 to 2^53 - 1, got the number -3`,
    ],
    [
      "a fractional size",
      view({ size: tuple([0x47, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0], int(1)) }),
      `${at}expected its size to be integers from 0 to 2^53 - 1, got the number 1.5`,
    ],
    [
      "a huge integer",
      view({ offset: long(2n ** 64n) }),
      `${at}expected its storage offset to be integers from 0 to 2^53 - 1, got an integer beyond 2^53`,
    ],
    ["a list as size", view({ size: list(int(6)) }), `${at}expected its size to be a tuple, got a list`],
    [
      "no stride",
      reduce(global("torch._utils", "_rebuild_tensor"), storage(), int(0), tuple(int(6))),
      `${at}expected its stride to be a tuple, got nothing`,
    ],
    ["too few strides", view({ stride: tuple(int(1)) }), `${at}expected 2 strides for (2, 3), got 1`],
    [
      "65 axes",
      view({ size: tuple(...Array<Piece>(65).fill(int(1))) }),
      `${at}expected at most 64 axes, got 65`,
    ],
    [
      "no storage",
      reduce(global("torch._utils", "_rebuild_tensor"), int(0)),
      "expected a tensor's storage, got the number 0",
    ],
    [
      "a conjugate view",
      view({ more: [[0x89], dict(), named({ conj: [0x88] })] }),
      `${at}expected plain elements, got a view with the conj flag; call .resolve_conj()`,
    ],
    [
      "complex128",
      view({ type: global("torch", "ComplexDoubleStorage"), length: int(1) }),
      `${at}expected a dtype that safetensors knows too, got torch.complex128; cast it in PyTorch`,
    ],
    [
      "version 3 without a dtype",
      view({ rebuild: "_rebuild_tensor_v3", more: [[0x89], none] }),
      "expected a tensor's dtype, got nothing",
    ],
    [
      "a parameter of nothing",
      reduce(global("torch._utils", "_rebuild_parameter"), torchTensor),
      "expected a parameter's tensor, got torch.Tensor",
    ],
    [
      "a rebuilder of rebuilders",
      reduce(
        global("torch._tensor", "_rebuild_from_type_v2"),
        global("torch._tensor", "_rebuild_from_type_v2"),
        torchTensor,
      ),
      "expected a function that makes a tensor, got torch._tensor._rebuild_from_type_v2",
    ],
    [
      "a rebuilder of another type",
      reduce(
        global("torch._tensor", "_rebuild_from_type_v2"),
        global("torch._utils", "_rebuild_tensor"),
        int(1),
      ),
      "expected torch.Tensor or torch.nn.Parameter, got the number 1",
    ],
    [
      "a rebuilder without arguments",
      reduce(
        global("torch._tensor", "_rebuild_from_type_v2"),
        global("torch._utils", "_rebuild_tensor"),
        torchTensor,
      ),
      "expected a tuple of arguments, got nothing",
    ],
    [
      "a size of a number",
      reduce(global("torch", "Size"), int(1)),
      "expected a size to be a tuple, got the number 1",
    ],
    [
      "a set of a number",
      reduce(global("builtins", "set"), int(1)),
      "expected a list to make a set of, got the number 1",
    ],
    ["a device of a number", reduce(global("torch", "device"), int(1)), "expected a name, got the number 1"],
    [
      "a dict of a list",
      reduce(global("collections", "OrderedDict"), list(int(1))),
      "expected pairs to make a dict of, got the number 1",
    ],
    [
      "a dict of a number",
      reduce(global("collections", "OrderedDict"), int(1)),
      "expected pairs to make a dict of, got the number 1",
    ],
    [
      "bytes in UTF-8",
      reduce(global("_codecs", "encode"), text("a"), text("utf-8")),
      'expected bytes as text in latin1, got the string "a" in the string "utf-8"',
    ],
    [
      "bytes beyond latin1",
      reduce(global("_codecs", "encode"), text("\u0100"), text("latin1")),
      "expected bytes as text in latin1, got the code 256",
    ],
    [
      "a numpy dtype of objects",
      reduce(global("numpy", "dtype"), text("O8")),
      'expected a numpy dtype of one number, f8 or the like, got the string "O8"',
    ],
    [
      "a numpy scalar of None",
      reduce(global("numpy.core.multiarray", "scalar"), none, none),
      "expected a numpy dtype and bytes, got None and None",
    ],
    [
      "half a numpy scalar",
      reduce(
        global("numpy._core.multiarray", "scalar"),
        reduce(global("numpy", "dtype"), text("f8")),
        [0x43, 1, 7],
      ),
      "expected the 8 bytes of one float64, got 1",
    ],
    [
      "a numpy dtype in an odd order",
      [...reduce(global("numpy", "dtype"), text("f8")), ...tuple(int(3), text("?")), 0x62],
      'expected the state of a numpy dtype at byte 38 of the pickle, got the string "?"',
    ],
    [
      "a numpy dtype without its state",
      [...reduce(global("numpy", "dtype"), text("f8")), 0x4e, 0x62],
      "expected the state of a numpy dtype at byte 26 of the pickle, got None",
    ],
  ])("%s", (_name, value, message) => expectRefused(value, message));
});

describe("storages", () => {
  test.each<[string, Piece, string]>([
    [
      "a storage that is not there",
      view({ key: "9" }),
      'expected a file "archive/data/9" in the archive, got none',
    ],
    [
      "a key that leaves the folder",
      view({ key: "../data.pkl" }),
      'expected a file "archive/data/../data.pkl" in the archive, got none',
    ],
    [
      "a storage that is too short",
      view({ length: int(7) }),
      'expected 7 elements of torch.float32 in "archive/data/0", got 24 bytes',
    ],
    [
      "a negative length",
      view({ length: int(-1) }),
      'expected -1 elements of torch.float32 in "archive/data/0", got 24 bytes',
    ],
    [
      "a length beyond 2^53",
      view({ length: long(2n ** 62n) }),
      "expected a persistent id that names a storage, got a tuple",
    ],
    [
      "a storage of no type",
      view({ type: global("torch", "float32") }),
      "expected a persistent id that names a storage, got a tuple",
    ],
    [
      "an id that is no tuple",
      [...text("0"), 0x51],
      'expected a persistent id that names a storage, got the string "0"',
    ],
    [
      "an id of something else",
      [...tuple(text("module"), global("torch", "FloatStorage"), text("0"), none, int(0)), 0x51],
      "expected a persistent id that names a storage, got a tuple",
    ],
  ])("%s is refused", (_name, value, message) => expectRefused(value, message));

  test("a number that is spread over gigabytes is not spelled out", async () => {
    const spread = view({ size: tuple(long(2n ** 33n)), stride: tuple(int(0)) });
    const file = await openPt(ptFile(pickle(named({ spread, one: view() }))));
    expect(file.entries.get("spread")).toEqual({ dtype: "F32", shape: [2 ** 33] });
    expect((await rejection(file.bytes("spread"))).message).toMatch(
      /tensor "spread": expected a view that takes at most \d+ bytes, in proportion to the file, got \(8589934592,\), which takes 34359738372; save it with \.clone\(\) in PyTorch/,
    );
    expect((await file.bytes("one")).length).toBe(24);
  });
});

describe("files of other kinds are refused", () => {
  const ascii = (value: string): Uint8Array => new TextEncoder().encode(value);
  test.each<[string, Uint8Array, string]>([
    [
      "a bare pickle",
      pickle(int(1)),
      "expected PyTorch's zip form, got a bare pickle; save it with torch.save(model.state_dict(), path)",
    ],
    [
      "an archive without a pickle",
      zipFile([["a/b", ascii("x")]]),
      "expected one folder with a data.pkl, as torch.save writes, got none",
    ],
    [
      "two pickles",
      zipFile([
        ["a/data.pkl", ascii("x")],
        ["b/data.pkl", ascii("x")],
      ]),
      "expected one folder with a data.pkl, as torch.save writes, got 2",
    ],
    [
      "an odd byte order",
      ptFile(pickle(int(1)), { others: { byteorder: ascii("mid") } }),
      'expected the byte order little or big, got "mid"',
    ],
    [
      "a long byte order",
      ptFile(pickle(int(1)), { others: { byteorder: ascii("littlest") } }),
      'expected the byte order little or big, got "a longer text"',
    ],
    [
      "an empty pickle",
      ptFile(new Uint8Array(0)),
      "expected 1 more bytes at byte 0 of the pickle, got 0: truncated",
    ],
  ])("%s", (_name, file, message) => expectRefusal(file, message));

  test("no zip archive at all", async () => {
    for (const file of [new Uint8Array(0), ascii("hello"), new Uint8Array(100)]) {
      const error = await rejection(openPt(file));
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toMatch(/^openPt: bytes: expected a zip archive/);
    }
  });

  test("a pickle that deflates a thousandfold", async () => {
    const file = ptFile(new Uint8Array(3 * 2 ** 24 + 2 ** 20), { deflate: true });
    expect((await rejection(openPt(file))).message).toMatch(
      /expected a data\.pkl of at most \d+ bytes, got 51380224/,
    );
  });

  test("a name of any length is shown in part", async () => {
    const error = await rejection(openPt(ptFile(pickle(global("a".repeat(1000), "b\u0001")))));
    expect(error.message).toMatch(/got "a{100}\.\.\.", which is refused and never run/);
  });

  test("nothing that holds bytes", async () => {
    expect(await rejection(openPt(3 as never))).toBeInstanceOf(TypeError);
  });
});
