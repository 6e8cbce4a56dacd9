import type * as Koffi from "koffi";

/** A foreign function. */
type Native = (...args: readonly unknown[]) => number;

/** Memory outside the engine's heap, which never moves: MPI writes there between calls. */
export interface Block {
  readonly pointer: bigint;
  readonly bytes: Uint8Array;
}

/** The functions of MPI that the transport calls, with the handles they need. */
export interface Mpi {
  readonly path: string;
  readonly world: unknown;
  readonly byte: unknown;
  readonly call: (name: keyof typeof signatures, ...args: readonly unknown[]) => void;
  /** An integer that a function returns through a pointer. */
  readonly read: (name: keyof typeof signatures, ...args: readonly unknown[]) => number;
  readonly allocate: (bytes: number) => Block;
  readonly free: (block: Block) => void;
}

/** Signatures of MPI 3, with Open MPI's handles: pointers to its exported structures. */
const signatures = {
  MPI_Init: "int MPI_Init(void *, void *)",
  MPI_Initialized: "int MPI_Initialized(_Out_ int *)",
  MPI_Finalize: "int MPI_Finalize()",
  MPI_Comm_rank: "int MPI_Comm_rank(void *, _Out_ int *)",
  MPI_Comm_size: "int MPI_Comm_size(void *, _Out_ int *)",
  MPI_Comm_set_errhandler: "int MPI_Comm_set_errhandler(void *, void *)",
  MPI_Iallgather: "int MPI_Iallgather(void *, int, void *, void *, int, void *, void *, void *)",
  MPI_Iallgatherv: "int MPI_Iallgatherv(void *, int, void *, void *, void *, void *, void *, void *, void *)",
  MPI_Test: "int MPI_Test(void *, _Out_ int *, void *)",
  MPI_Isend: "int MPI_Isend(void *, int, void *, int, int, void *, void *)",
  MPI_Recv: "int MPI_Recv(void *, int, void *, int, int, void *, void *)",
  MPI_Iprobe: "int MPI_Iprobe(int, int, void *, _Out_ int *, void *)",
} as const;

const defaultName = "libmpi.so.40";

/**
 * Loads Open MPI.
 *
 * @throws Error that says which library is needed and where it was looked for
 */
export async function loadMpi(): Promise<Mpi> {
  const koffi = await loadKoffi();
  const path = process.env.EVENKEEL_MPI_LIBRARY ?? defaultName;
  const library = opened(koffi, path);
  const handle = (name: string): unknown => {
    try {
      return library.symbol(name);
    } catch (cause) {
      throw new Error(`mpi: ${path} has no ${name}: it is not Open MPI 4 or 5, which evenkeel needs`, {
        cause,
      });
    }
  };
  const functions = new Map<string, Native>();
  for (const [name, signature] of Object.entries(signatures)) {
    handle(name);
    functions.set(name, library.func(signature) as Native);
  }
  const call: Mpi["call"] = (name, ...args) => {
    const code = (functions.get(name) as Native)(...args);
    if (code !== 0) throw new Error(`${name} failed with code ${code}`);
  };
  const out: [number] = [0];
  const mpi: Mpi = {
    path,
    world: handle("ompi_mpi_comm_world"),
    byte: handle("ompi_mpi_byte"),
    call,
    read(name, ...args) {
      const outputs = args.map((arg) => (arg === output ? out : arg));
      call(name, ...(args.includes(output) ? outputs : [...outputs, out]));
      return out[0];
    },
    allocate(bytes) {
      const pointer = koffi.alloc("uint8_t", Math.max(bytes, 8)) as bigint;
      return { pointer, bytes: new Uint8Array(koffi.view(pointer, Math.max(bytes, 8)), 0, bytes) };
    },
    free: ({ pointer }) => koffi.free(pointer),
  };
  if (mpi.read("MPI_Initialized") === 0) call("MPI_Init", null, null);
  call("MPI_Comm_set_errhandler", mpi.world, handle("ompi_mpi_errors_return"));
  printOwnHelp(library);
  return mpi;
}

/**
 * Has Open MPI 4 print its help itself. Else it hands it to mpirun and blocks until mpirun has it, which is never once
 * mpirun sleeps before it kills the job: the rank could not say any more why it ends.
 */
function printOwnHelp(library: Koffi.LibraryHandle): void {
  let handNothingOver: Native;
  try {
    handNothingOver = library.func("void orte_show_help_finalize()") as Native;
  } catch {
    // Open MPI 5 has no such function.
    return;
  }
  handNothingOver();
}

/** Stands for the place of the integer that {@link Mpi.read} returns, where it is not the last argument. */
export const output: unique symbol = Symbol("output");

async function loadKoffi(): Promise<Pick<typeof Koffi, "load" | "alloc" | "free" | "view">> {
  try {
    return (await import("koffi")).default;
  } catch (cause) {
    throw new Error("mpi: the package koffi is missing, through which MPI is called: npm install koffi", {
      cause,
    });
  }
}

function opened(koffi: Pick<typeof Koffi, "load">, path: string): Koffi.LibraryHandle {
  try {
    // Global, so that Open MPI's own plug-ins find its symbols.
    return koffi.load(path, { global: true });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const where =
      process.env.EVENKEEL_MPI_LIBRARY === undefined
        ? `looked for ${path} where the system looks for libraries`
        : `EVENKEEL_MPI_LIBRARY names ${path}`;
    throw new Error(
      `mpi: Open MPI is needed, and cannot be loaded (${where}): ${reason}. ` +
        "On Debian: apt-get install openmpi-bin libopenmpi3; elsewhere set EVENKEEL_MPI_LIBRARY to libmpi",
      { cause },
    );
  }
}
