/**
 * A one-line error for a failed file operation; the system's own error, with its `code`, is the `cause`.
 *
 * @example
 * ioError("openNpy", "read", "a.npy", error).message; // openNpy: cannot read a.npy: ENOENT: no such file or directory
 */
export function ioError(who: string, action: "read" | "write", path: string, cause: unknown): Error {
  // Node words these as "CODE: reason, syscall 'path'".
  const reason = cause instanceof Error ? cause.message.split(", ")[0] : String(cause);
  return new Error(`${who}: cannot ${action} ${path}: ${reason}`, { cause });
}
